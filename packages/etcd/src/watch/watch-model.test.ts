import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KeyRange } from '../key-range-form.ts'
import { type Change, FakeEtcd, lastChanges, type Manners } from './fake-etcd.test.kit.ts'
import { ManualClock, settled } from './scripted-channel.test.kit.ts'
import type { WatchBatch } from './watch-handlers.ts'
import type { WatchOptions } from './watch-options.ts'
import type { WatchService } from './watch-contract.ts'
import { createWatchService } from './watch-service.ts'
import type { Watcher } from './watcher.ts'
import { expectShare } from '../../../../test/support/expect-share.ts'

function isIn(range: KeyRange, key: string): boolean {
  return 'key' in range
    ? key === range.key
    : 'prefix' in range
      ? key.startsWith(String(range.prefix))
      : key >= String(range.from)
}

/** Holds one watch against the history, at every call it gets. */
class Judge {
  readonly watcher: Watcher
  compacted: { readonly compactRevision: number; readonly position: number } | undefined
  wasCancelled = false
  ends = 0
  readonly #etcd: FakeEtcd
  readonly #range: KeyRange
  readonly #seen: Record<string, number>
  readonly #only: WatchOptions['only']
  #told: number | undefined

  constructor(
    etcd: FakeEtcd,
    service: WatchService,
    range: KeyRange,
    options: WatchOptions,
    seen: Record<string, number>,
  ) {
    this.#etcd = etcd
    this.#seen = seen
    this.#range = range
    this.#only = options.only
    this.#told =
      options.afterRevision ?? (options.startRevision === undefined ? undefined : options.startRevision - 1)
    this.watcher = service.subscribe(
      range,
      {
        onCreated: ({ position }) => {
          this.#told ??= position - 1
        },
        onEvents: (batch) => this.#judge(batch),
        onProgress: ({ revision, isExact }) => {
          expect(revision).toBeLessThanOrEqual(etcd.revision)
          this.#count(isExact ? 'progress' : 'claims')
          if (isExact) this.#expectNothingBetween(revision + 1)
        },
        onResumed: () => this.#count('resumptions'),
        onCompacted: (info) => {
          this.#count('compactions')
          this.compacted = info
          // Every change before the position was told, and the compaction is past what could be missed.
          expect(info.position).toBe(this.watcher.position)
          expect(info.compactRevision).toBeGreaterThanOrEqual(info.position)
        },
        onEnd: () => {
          this.ends += 1
        },
      },
      options,
    )
  }

  /** At the end: everything was told, or the gap was. */
  finish(): void {
    expect(this.ends).toBe(this.compacted !== undefined || this.wasCancelled ? 1 : 0)
    if (this.wasCancelled) return
    this.#expectNothingBetween(this.compacted?.position ?? this.#etcd.revision + 1)
  }

  #changesAt(revision: number): readonly Change[] {
    const changes = (this.#etcd.history.get(revision) ?? []).filter(({ key }) => isIn(this.#range, key))
    // Puts are left out by the server, so a key that was put again in the same revision counts as deleted.
    const sent = this.#only === 'deletes' ? changes.filter(({ isDelete }) => isDelete) : changes
    const last = lastChanges(sent).map(({ key, isDelete }) => ({ key, isDelete }))
    return this.#only === 'puts' ? last.filter(({ isDelete }) => !isDelete) : last
  }

  /** No change of this range lies after the last one told and before `revision`. */
  #expectNothingBetween(revision: number): void {
    for (let each = this.#told! + 1; each < revision; each += 1) {
      expect(this.#changesAt(each), `revision ${each} was not delivered`).toEqual([])
    }
  }

  #judge({ revision, events }: WatchBatch): void {
    expect(this.ends).toBe(0)
    expect(revision).toBeGreaterThan(this.#told!)
    this.#expectNothingBetween(revision)
    const delivered = events.map(({ kv, type }) => ({ key: kv.key.toString(), isDelete: type === 'delete' }))
    expect(delivered).toEqual(this.#changesAt(revision))
    expect(this.watcher.position).toBe(revision + 1)
    this.#told = revision
    this.#count('batches')
  }

  #count(what: string): void {
    this.#seen[what] = (this.#seen[what] ?? 0) + 1
  }
}

const KEYS = ['a', 'ab', 'b', 'c'] as const
const change = fc.record({ key: fc.constantFrom(...KEYS), isDelete: fc.boolean() })
/** As nested transactions make them: a key may be put and deleted, in any order and many times. */
const transaction = fc.array(change, { minLength: 1, maxLength: 5 })
const range: fc.Arbitrary<KeyRange> = fc.constantFrom(
  { key: 'a' },
  { prefix: 'a' },
  { from: 'ab' },
  { prefix: '' },
)

const step = fc.oneof(
  { weight: 6, arbitrary: transaction.map((changes) => ({ type: 'write' as const, changes })) },
  { weight: 10, arbitrary: fc.record({ type: fc.constant('send' as const), prefersControl: fc.boolean() }) },
  { weight: 8, arbitrary: fc.constant({ type: 'arrive' as const }) },
  { weight: 3, arbitrary: fc.constant({ type: 'sync' as const }) },
  { weight: 2, arbitrary: fc.constant({ type: 'cut' as const }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('calm' as const), ms: fc.constantFrom(30, 1_001) }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(5, 30, 300, 1_100) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('compact' as const), back: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('watch' as const),
      range,
      from: fc.constantFrom('now', 'after list', 'start'),
      back: fc.nat(4),
      only: fc.constantFrom(undefined, undefined, 'puts' as const, 'deletes' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom('cancel' as const, 'pause' as const, 'resume' as const),
      which: fc.nat(5),
    }),
  },
)

const manners: fc.Arbitrary<Manners> = fc.record({
  answersOutOfOrder: fc.boolean(),
  losesDeletesAtCompaction: fc.boolean(),
  repeats: fc.boolean(),
})

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

async function run(
  how: Manners,
  idsFrom: 'server' | 'client',
  steps: readonly Step[],
  seen: Record<string, number>,
): Promise<void> {
  const etcd = new FakeEtcd(how)
  const clock = new ManualClock()
  const failures: unknown[] = []
  const nothing = () => undefined
  // What a judge throws inside a handler comes out here.
  const logger = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: (...args: unknown[]) => failures.push(args),
  }
  const options = { progressIntervalMs: 1_000, progressGraceMs: 500, openTimeoutMs: 700, idsFrom }
  const service = createWatchService(etcd.channel, { clock, logger, ...options })
  const judges = [new Judge(etcd, service, { prefix: '' }, { afterRevision: 1 }, seen)]
  const check = () => {
    if (failures.length > 0) throw (failures[0] as [string, { error: Error }])[1].error
  }
  /** Everything that is due comes through. */
  const calm = (ms: number): void => {
    clock.advance(ms)
    etcd.flush()
    etcd.sync()
    etcd.flush()
  }
  const begin = (each: Step & { type: 'watch' }): void => {
    const revision = Math.max(1, etcd.revision - each.back)
    // From a start revision etcd itself takes the revision of the compaction, deletes or not.
    if (each.from === 'start' && how.losesDeletesAtCompaction) return
    const options =
      each.from === 'now'
        ? {}
        : each.from === 'start'
          ? { startRevision: revision + 1 }
          : { afterRevision: revision }
    const { only } = each
    judges.push(
      new Judge(etcd, service, each.range, only === undefined ? options : { ...options, only }, seen),
    )
  }
  const follow = (each: Step): void => {
    if (each.type === 'write') etcd.write(each.changes)
    else if (each.type === 'send') etcd.write1(each.prefersControl)
    else if (each.type === 'arrive') etcd.arrive()
    else if (each.type === 'sync') etcd.sync()
    else if (each.type === 'calm') calm(each.ms)
    else if (each.type === 'cut') etcd.cut()
    else if (each.type === 'pass') clock.advance(each.ms)
    else if (each.type === 'compact') etcd.compact(etcd.revision - each.back)
    else if (each.type === 'watch') begin(each)
    else {
      const judge = judges[each.which % judges.length]!
      if (each.type === 'cancel') judge.wasCancelled ||= judge.watcher.state !== 'ended'
      judge.watcher[each.type]()
    }
  }
  for (const each of steps) {
    follow(each)
    if (each.type === 'calm') await settled()
    check()
  }
  for (const { watcher } of judges) watcher.resume()
  for (let turn = 0; turn < 60; turn += 1) {
    calm(25)
    check()
    await settled()
  }
  for (const judge of judges) judge.finish()
  service.close()
  await settled()
  expect([clock.pending, service.size]).toEqual([0, 0])
}

describe('random histories, through random answers, fragments, repeats, losses and compactions', () => {
  const runs = Number(process.env.LIVETREE_MODEL_RUNS ?? 1_500)

  it('every watch gets every change once, in order, whole, or is told of the gap', async () => {
    const seen: Record<string, number> = {}
    const property = fc.asyncProperty(
      manners,
      fc.constantFrom('server' as const, 'client' as const),
      fc.array(step, { maxLength: 120, size: 'max' }),
      (...given) => run(...given, seen),
    )
    await fc.assert(property, { numRuns: runs })
    // The histories must have led through everything that can go wrong, or they prove nothing.
    for (const what of ['batches', 'progress', 'claims', 'resumptions', 'compactions']) {
      expectShare(what, seen[what] ?? 0, { of: runs, typical: 0.7 })
    }
  }, 120_000)
})
