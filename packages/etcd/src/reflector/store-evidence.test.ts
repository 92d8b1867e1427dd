import { expect, it } from 'vitest'
import type { KeyValue } from '../wire/kv.ts'
import { EventType } from '../wire/watch.ts'
import type { KeyEvent } from '../watch/revision-assembler.ts'
import { StoreEvidence } from './store-evidence.ts'

const RANGES = [{ key: Buffer.from('a'), rangeEnd: Buffer.from('b') }]

/** A store with one range, and what its only watcher learns of it. */
class Model {
  readonly evidence: StoreEvidence
  readonly content = new Map<string, KeyValue>()
  revision = 1
  /** The last event of each key in the newest revision. */
  last: readonly KeyEvent[] = []

  constructor(maxRecent: number | undefined) {
    this.evidence = new StoreEvidence({ ranges: RANGES, ...(maxRecent === undefined ? {} : { maxRecent }) })
  }

  /** One transaction, of which the evidence is told once it has listed. */
  write(puts: readonly string[], deletes: readonly string[], isWatched: boolean): void {
    this.revision += 1
    const wereThere = [...puts, ...deletes].map((key) => this.content.has(key))
    const put = puts.map((key): KeyEvent => ({ type: EventType.put, kv: this.#put(key), prevKv: undefined }))
    const del = deletes.map(
      (key): KeyEvent => ({ type: EventType.delete, kv: this.#gone(key), prevKv: undefined }),
    )
    this.last = [...put, ...del]
    if (isWatched) this.evidence.changed(this.last, wereThere)
  }

  /** By pages, in the order of keys. */
  list(pageSize: number): void {
    const all = [...this.content.values()].sort((a, b) => Buffer.compare(a.key, b.key))
    for (let from = 0; from < all.length; from += pageSize) {
      const page = all.slice(from, from + pageSize)
      this.evidence.listed(
        {
          length: page.length,
          eachEntry: (onEntry) => {
            for (const [at, { modRevision }] of page.entries()) onEntry(modRevision, at, at + 1)
          },
          entryAt: (at) => page[at]!,
        },
        0,
      )
    }
  }

  #put(name: string): KeyValue {
    const before = this.content.get(name)
    const kv: KeyValue = {
      key: Buffer.from(name),
      value: Buffer.from(`v${this.revision}`),
      modRevision: this.revision,
      createRevision: before?.createRevision ?? this.revision,
      version: (before?.version ?? 0) + 1,
      lease: 0n,
    }
    this.content.set(name, kv)
    return kv
  }

  #gone(name: string): KeyValue {
    this.content.delete(name)
    const nothing = { value: Buffer.alloc(0), createRevision: 0, version: 0, lease: 0n }
    return { key: Buffer.from(name), modRevision: this.revision, ...nothing }
  }
}

const names = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `a${String(from + index).padStart(4, '0')}`)

it.each([undefined, 8])(
  'P12 StoreEvidence: the last changes of the known store are possible, whatever was listed and watched (recent: %s)',
  (maxRecent) => {
    for (const keys of [0, 10, 63, 64, 65, 70, 100, 400]) {
      for (const writes of [0, 1, 5, 23, 24, 25, 30, 60]) {
        for (const deletes of [0, 1, 8, 30]) {
          for (const isWatched of [true, false]) {
            const model = new Model(maxRecent)
            if (keys > 0) model.write(names(0, keys), [], false)
            if (isWatched) model.list(50)
            // The first keys, those in the middle, and new ones.
            model.write(names(0, Math.min(1, keys)), [], isWatched)
            model.write(
              names(0, writes),
              names(writes, deletes).filter((key) => model.content.has(key)),
              isWatched,
            )
            if (!isWatched) model.list(50)
            const what = { keys, writes, deletes, isWatched }
            expect({ ...what, isPossible: model.evidence.isRepeated(model.last) }).toEqual({
              ...what,
              isPossible: true,
            })
          }
        }
      }
    }
  },
)

it('P12 StoreEvidence: a key that the newest known revision did not write is not possible as its change', () => {
  const model = new Model(undefined)
  model.write(names(0, 400), [], false)
  model.write(names(3, 1), [], false)
  model.list(50)
  const other = new Model(undefined)
  other.write(names(0, 400), [], false)
  other.write(names(200, 1), [], false)
  expect([model.evidence.isRepeated(model.last), model.evidence.isRepeated(other.last)]).toEqual([
    true,
    false,
  ])
})
