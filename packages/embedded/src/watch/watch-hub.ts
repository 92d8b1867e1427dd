import type { KeyVersion } from '../mvcc/key-history.ts'
import { type Key, keyOf, rangeHas } from '../mvcc/key-range.ts'
import { CatchUpQueue } from './catch-up-queue.ts'
import type { Watcher } from './watcher.ts'

/** Receives the changes in a watcher's range: one call per revision, in order. */
export type Deliver = (watcher: Watcher, revision: number, changes: readonly KeyVersion[]) => void

/** A revision and its changes. */
interface Written {
  readonly revision: number
  readonly changes: readonly KeyVersion[]
}

/** All watchers of the server; finds those that are affected by a write. */
export class WatchHub {
  /** The streams with watchers that are behind. */
  readonly catchUp = new CatchUpQueue()
  readonly #delivers = new Map<Watcher, Deliver>()
  readonly #ofKey = new Map<Key, Set<Watcher>>()
  readonly #ofSpans = new Set<Watcher>()
  /** What is written and not safe yet. The store may have forgotten it by then: a compaction can be saved with it. */
  #written: Written[] = []
  #streams = 0

  /** Number of open watch streams. */
  get streams(): number {
    return this.#streams
  }

  /** Number of watches on all streams. */
  get watchers(): number {
    return this.#delivers.size
  }

  streamOpened(): void {
    this.#streams += 1
  }

  streamClosed(): void {
    this.#streams -= 1
  }

  add(watcher: Watcher, deliver: Deliver): void {
    this.#delivers.set(watcher, deliver)
    const { range } = watcher.options
    if (range.type === 'span') {
      this.#ofSpans.add(watcher)
      return
    }
    const watchers = this.#ofKey.get(range.start)
    if (watchers === undefined) this.#ofKey.set(range.start, new Set([watcher]))
    else watchers.add(watcher)
  }

  remove(watcher: Watcher): void {
    this.#delivers.delete(watcher)
    this.#ofSpans.delete(watcher)
    const { start } = watcher.options.range
    const watchers = this.#ofKey.get(start)
    watchers?.delete(watcher)
    if (watchers?.size === 0) this.#ofKey.delete(start)
  }

  /** Keeps the changes of a new revision for `publish`. */
  written(revision: number, changes: readonly KeyVersion[]): void {
    this.#written.push({ revision, changes })
  }

  /** Delivers every revision that was written since the last call. */
  publish(): void {
    const written = this.#written
    this.#written = []
    for (const one of written) this.#tell(one)
  }

  #tell({ revision, changes }: Written): void {
    if (this.#delivers.size === 0) return
    const concerned = new Map<Watcher, KeyVersion[]>()
    const note = (watcher: Watcher, change: KeyVersion): void => {
      const noted = concerned.get(watcher)
      if (noted === undefined) concerned.set(watcher, [change])
      else noted.push(change)
    }
    for (const change of changes) {
      const key = keyOf(change.key)
      for (const watcher of this.#ofKey.get(key) ?? []) note(watcher, change)
      for (const watcher of this.#ofSpans) if (rangeHas(watcher.options.range, key)) note(watcher, change)
    }
    for (const [watcher, noted] of concerned) this.#delivers.get(watcher)?.(watcher, revision, noted)
  }
}
