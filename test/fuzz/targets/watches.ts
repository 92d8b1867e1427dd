import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { EtcdErrorCode } from '../../../packages/etcd/src/error-codes.ts'
import { EtcdError } from '../../../packages/etcd/src/errors.ts'
import type { KeyRange } from '../../../packages/etcd/src/key-range-form.ts'
import {
  ManualClock,
  ScriptedChannel,
  settled,
} from '../../../packages/etcd/src/watch/scripted-channel.test.kit.ts'
import type { WatchBatch } from '../../../packages/etcd/src/watch/watch-handlers.ts'
import type { WatchOptions } from '../../../packages/etcd/src/watch/watch-options.ts'
import type { WatchService } from '../../../packages/etcd/src/watch/watch-contract.ts'
import { createWatchService } from '../../../packages/etcd/src/watch/watch-service.ts'
import type { WatchSync } from '../../../packages/etcd/src/watch/sync-contract.ts'
import type { Watcher } from '../../../packages/etcd/src/watch/watcher.ts'
import type { WatchResponse } from '../../../packages/etcd/src/wire/watch.ts'
import type { Init } from '../../../packages/etcd/src/wire/message-type.ts'
import { assertDefined } from '../expect-defined.ts'
import { type FuzzTarget, fuzzTarget } from '../fuzz-target.ts'

const revision = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 14 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, Number.MAX_SAFE_INTEGER) },
)
const header = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      clusterId: fc.constantFrom(7n, 7n, 7n, 7n, 7n, 7n, 0n, 8n),
      memberId: fc.constant(1n),
      revision,
      raftTerm: fc.constantFrom(2, 2, 2, 2, 3, 1, 0),
    }),
  },
  { weight: 1, arbitrary: fc.constant(undefined) },
)
const kv = fc.record({
  key: fc.constantFrom('a', 'a', 'ab', 'b', '', '\xff'),
  value: fc.constantFrom('', 'v', 'w'),
  modRevision: revision,
  createRevision: fc.nat(9),
  version: fc.nat(3),
})
const event = fc.record({
  type: fc.constantFrom(0, 0, 0, 1, 1, 2, 99),
  kv: fc.oneof({ weight: 19, arbitrary: kv }, { weight: 1, arbitrary: fc.constant(undefined) }),
  prevKv: fc.constantFrom(undefined, undefined, { key: 'a', modRevision: 1 }),
})
/** Rising, as a server sends them; or any. */
const events = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .array(event, { maxLength: 4 })
      .map((list) =>
        list.toSorted((one, other) => (one.kv?.modRevision ?? 0) - (other.kv?.modRevision ?? 0)),
      ),
  },
  { weight: 1, arbitrary: fc.array(event, { maxLength: 4 }) },
)
const watchId = fc.constantFrom(0, 0, 0, 1, 1, 2, -1, -1, 9, -7)

const response: fc.Arbitrary<Init<WatchResponse>> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ header, watchId, created: fc.constant(true) }) },
  {
    weight: 6,
    arbitrary: fc.record({ header, watchId, events, fragment: fc.constantFrom(false, false, true) }),
  },
  { weight: 3, arbitrary: fc.record({ header, watchId }) },
  {
    weight: 2,
    arbitrary: fc.record({
      header,
      watchId,
      created: fc.constantFrom(false, false, true),
      canceled: fc.constantFrom(true, true, false),
      compactRevision: fc.constantFrom(0, 0, 3, 12, -1),
      cancelReason: fc.constantFrom(
        '',
        'etcdserver: mvcc: required revision has been compacted',
        'rpc error: code = PermissionDenied desc = etcdserver: permission denied',
        'etcdserver: invalid auth token',
        'mvcc: duplicate watch ID provided',
        'x'.repeat(5_000),
      ),
      events,
      fragment: fc.boolean(),
    }),
  },
)

const CODES: readonly EtcdErrorCode[] = [
  'connection_lost',
  'unavailable',
  'unauthenticated',
  'permission_denied',
  'malformed_message',
  'deadline_exceeded',
]
const code = fc.constantFrom(...CODES)

const listed = fc.oneof(
  { weight: 4, arbitrary: fc.record({ header, kvs: fc.array(kv, { maxLength: 3 }) }) },
  { weight: 1, arbitrary: code },
)

const range: fc.Arbitrary<KeyRange> = fc.constantFrom(
  { key: 'a' },
  { prefix: 'a' },
  { prefix: '' },
  { from: 'a' },
)
const options: fc.Arbitrary<WatchOptions> = fc.oneof(
  fc.constant({}),
  fc.integer({ min: 1, max: 12 }).map((startRevision) => ({ startRevision })),
  fc.integer({ min: 0, max: 12 }).map((afterRevision) => ({ afterRevision, clusterId: 7n })),
)

const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ type: fc.constant('watch' as const), range, options }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('sync' as const),
      range,
      answers: fc.array(listed, { maxLength: 3 }),
    }),
  },
  { weight: 16, arbitrary: fc.record({ type: fc.constant('answer' as const), response }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('end' as const), code: fc.option(code, { nil: undefined }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('pass' as const),
      ms: fc.constantFrom(5, 30, 300, 1_100, 6_000, 20_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom('pause' as const, 'resume' as const, 'cancel' as const),
      which: fc.nat(3),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('reached' as const),
      which: fc.nat(3),
      to: fc.integer({ min: 1, max: 14 }),
    }),
  },
)

/** Every batch is of one revision, with no event in it twice. */
function assertBatch({ revision: at, events: list }: WatchBatch): void {
  assert.ok(list.length > 0, 'a batch without events')
  for (const each of list) assert.equal(each.kv.modRevision, at, 'an event of another revision')
  const names = list.map(({ type, kv: { key } }) => `${type} ${key.toString('hex')}`)
  assert.equal(new Set(names).size, names.length, `an event twice in revision ${at}: ${names.join()}`)
}

/** One watch or sync, and what it was told wrongly; a handler that throws would only be logged. */
class Judge {
  readonly violations: unknown[] = []
  ends = 0
  #last = Number.NEGATIVE_INFINITY
  #epoch = 0

  /** Runs what a handler has to say about a call. */
  hear(check: () => void): void {
    try {
      assert.equal(this.ends, 0, 'told something after the end')
      check()
    } catch (error) {
      this.violations.push(error)
    }
  }

  end(error: EtcdError | undefined): void {
    this.hear(() => {
      if (error !== undefined) assertDefined(error)
    })
    this.ends++
  }

  rises(batch: WatchBatch, epoch = 0): void {
    if (epoch > this.#epoch) this.#last = Number.NEGATIVE_INFINITY
    assert.ok(epoch >= this.#epoch, 'the epoch went back')
    this.#epoch = epoch
    assert.ok(batch.revision > this.#last, `revision ${batch.revision} was told after ${this.#last}`)
    this.#last = batch.revision
  }

  /** All up to there is told by other means than events. */
  stand(at: number): void {
    this.#last = Math.max(this.#last, at)
  }
}

function beginWatch(
  service: WatchService,
  where: KeyRange,
  given: WatchOptions,
): { judge: Judge; watcher: Watcher } {
  const judge = new Judge()
  if (given.afterRevision !== undefined) judge.stand(given.afterRevision)
  if (given.startRevision !== undefined) judge.stand(given.startRevision - 1)
  const hear = (check: () => void) => judge.hear(check)
  const watcher: Watcher = service.subscribe(
    where,
    {
      onCreated: ({ position }) => hear(() => assert.ok(Number.isInteger(position))),
      onEvents: (batch) =>
        hear(() => {
          assertBatch(batch)
          judge.rises(batch)
          assert.equal(watcher.position, batch.revision + 1)
        }),
      onProgress: ({ revision: at, isExact }) =>
        hear(() => assert.ok(!isExact || watcher.position === at + 1)),
      onResumed: ({ position }) => hear(() => assert.equal(watcher.position, position)),
      onDisconnected: ({ error }) => hear(() => void (error && assertDefined(error))),
      onCompacted: ({ position }) => hear(() => assert.equal(typeof position, 'number')),
      onClusterChanged: ({ reason }) => hear(() => assert.equal(typeof reason, 'string')),
      onEnd: (error) => judge.end(error),
    },
    given,
  )
  return { judge, watcher }
}

function beginSync(service: WatchService, where: KeyRange): { judge: Judge; watcher: WatchSync } {
  const judge = new Judge()
  let isListed = false
  const watcher = service.sync(where, {
    onSnapshot: () =>
      judge.hear(() => {
        assert.ok(!isListed, 'a second snapshot')
        isListed = true
      }),
    onEvents: (batch) =>
      judge.hear(() => {
        assert.ok(isListed, 'events before the snapshot')
        assert.ok(batch.events.length > 0, 'a batch without events')
        if (!batch.isResync) assertBatch(batch)
        judge.rises(batch, batch.epoch)
      }),
    onDisconnected: ({ error }) => judge.hear(() => void (error && assertDefined(error))),
    onEnd: (error) => judge.end(error),
  })
  return { judge, watcher }
}

export const watches: readonly FuzzTarget[] = [
  fuzzTarget({
    name: 'watch-answers',
    what: 'messages of a server on a watch stream, in any order: answers to creates and cancels that were not sent, events out of order, twice, in fragments, without key or revision, other stores, compactions, silence and ends; each watch and each list-and-watch receives ascending revisions, each once, exactly one end and only defined errors, and nothing is left open',
    shortCases: 250,
    weight: 4,
    input: fc.record({
      idsFrom: fc.constantFrom('server' as const, 'client' as const),
      steps: fc.array(step, { minLength: 1, maxLength: 50, size: 'max' }),
    }),
    async check({ idsFrom, steps }) {
      const clock = new ManualClock()
      const channel = new ScriptedChannel()
      const logged: unknown[] = []
      const nothing = () => undefined
      const logger = {
        debug: nothing,
        info: nothing,
        warn: nothing,
        error: (...what: unknown[]) => logged.push(what),
      }
      const service = createWatchService(channel, { clock, logger, idsFrom })
      const judges: { judge: Judge; watcher: Watcher | WatchSync }[] = []
      const waits: Promise<unknown>[] = []
      let answers: unknown[] = []
      channel.onUnary = () => {
        const answer = answers.shift()
        if (typeof answer === 'object') return answer
        throw new EtcdError((answer as EtcdErrorCode | undefined) ?? 'unavailable')
      }
      // a watch to begin with, or most steps would speak to nobody
      judges.push(beginWatch(service, { prefix: '' }, {}))
      for (const each of steps) {
        if (each.type === 'watch') judges.push(beginWatch(service, each.range, each.options))
        else if (each.type === 'sync') {
          answers = [...each.answers]
          judges.push(beginSync(service, each.range))
        } else if (each.type === 'answer') channel.streams.at(-1)?.answer(each.response)
        else if (each.type === 'end') channel.streams.at(-1)?.end(each.code && new EtcdError(each.code))
        else if (each.type === 'pass') clock.advance(each.ms)
        else {
          const { watcher } = judges[each.which % judges.length]!
          if (each.type === 'cancel') watcher.cancel()
          else if (!('pause' in watcher)) continue
          else if (each.type === 'reached')
            waits.push(watcher.reached(each.to).then(() => undefined, assertDefined))
          else watcher[each.type]()
        }
        await settled()
      }
      service.close()
      await settled()
      await Promise.all(waits)
      for (const { judge } of judges) {
        assert.deepEqual(judge.violations, [])
        assert.equal(judge.ends, 1, 'not ended once')
      }
      assert.deepEqual(logged, [])
      assert.deepEqual([clock.pending, service.size], [0, 0], 'something is left')
    },
  }),
]
