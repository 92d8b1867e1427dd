import { describe, expect, test } from 'vitest'
import { EtcdError } from './errors.ts'
import { createKv } from './kv/kv-shortcuts.ts'
import { Namespace } from './key-range.ts'
import { createLeaseService } from './lease/lease-service.ts'
import { createMaintenanceService } from './maintenance/maintenance-service.ts'
import type { CallOptions, Channel, DuplexStream, Method, StreamHandlers } from './transport/transport.ts'
import { ManualClock } from './watch/scripted-channel.test.kit.ts'
import { createWatchService } from './watch/watch-service.ts'
import type { Init } from './wire/message-type.ts'

const STEP_MS = 200

/** Each request takes 200 ms or what it is given, whichever is less; reads succeed and writes lose their answer. */
class SlowChannel implements Channel {
  readonly clusterId = 1n
  readonly clock = new ManualClock()
  /** When each request was sent, and until when it could last. */
  readonly sent: { readonly at: number; readonly until: number }[] = []
  /** Plays the server. */
  answer: (path: string, request: unknown) => unknown = () => {
    throw new EtcdError('outcome_unknown')
  }

  async unary<Req, Res>(
    method: Method<Req, Res>,
    request: Init<NoInfer<Req>>,
    { timeoutMs = Number.POSITIVE_INFINITY }: CallOptions = {},
  ): Promise<Res> {
    this.#pass(timeoutMs)
    if (timeoutMs < STEP_MS)
      throw new EtcdError('deadline_exceeded', { what: `no answer within ${timeoutMs} ms` })
    const given = (await this.answer(method.path.split('/').at(-1)!, request)) as Init<Res>
    return method.response.decode(method.response.encode(given))
  }

  stream<Req, Res>(
    _: Method<Req, Res>,
    { onEnd }: StreamHandlers<Res>,
    { timeoutMs = Number.POSITIVE_INFINITY }: CallOptions = {},
  ): DuplexStream<Req> {
    this.#pass(timeoutMs)
    queueMicrotask(() => onEnd(new EtcdError('connection_lost')))
    return { endpoint: 'http://a:1', send: () => undefined, end: () => undefined, cancel: () => undefined }
  }

  async refreshToken(): Promise<void> {}

  endpoints(): readonly string[] {
    return ['http://a:1', 'http://b:1', 'http://c:1']
  }

  backoffMs(): number {
    queueMicrotask(() => this.clock.advance(10))
    return 10
  }

  #pass(timeoutMs: number): void {
    const at = this.clock.now()
    this.sent.push({ at, until: at + timeoutMs })
    this.clock.advance(Math.min(STEP_MS, timeoutMs))
  }
}

function setUp(defaults: { callTimeoutMs?: number } = {}) {
  const channel = new SlowChannel()
  const { clock } = channel
  const watch = createWatchService(channel, { clock })
  const parts = { channel, watch, namespace: new Namespace(), maxTxnOps: 128, clock, ...defaults }
  return {
    channel,
    kv: createKv(parts),
    lease: createLeaseService(channel, { clock, ...defaults }),
    maintenance: createMaintenanceService(channel, { clock, ...defaults }),
  }
}

type SetUp = ReturnType<typeof setUp>

function full(path: string): unknown {
  if (path === 'Range') {
    return {
      header: { revision: 9, clusterId: 1n },
      kvs: [{ key: 'k', value: 'v', modRevision: 7 }],
      more: true,
    }
  }
  if (path === 'Txn') return { header: { revision: 9, clusterId: 1n }, succeeded: false, responses: [] }
  if (path === 'Alarm')
    return { alarms: [1n, 2n, 3n, 4n, 5n, 6n, 7n].map((memberId) => ({ memberId, alarm: 1 })) }
  if (path === 'LeaseGrant') throw new EtcdError('lease_exists')
  throw new EtcdError('outcome_unknown')
}

/** What is answered to each call, so that it needs more requests than it has time for. */
const CALLS: [string, (path: string) => unknown, (all: SetUp, control: CallOptions) => Promise<unknown>][] = [
  ['create', lost, ({ kv }, control) => kv.create('k', 'v', control)],
  ['create of its own value', lost, ({ kv }, control) => kv.create('k', 'v', { ...control, isUnique: true })],
  [
    'swap of nothing',
    lost,
    ({ kv }, control) => kv.compareAndSwap('k', 'v', { ...control, expectedRevision: 0 }),
  ],
  [
    'swap by revision',
    lost,
    ({ kv }, control) => kv.compareAndSwap('k', 'v', { ...control, expectedRevision: 5 }),
  ],
  ['append among many', full, ({ kv }, control) => kv.append('k', 'v', control)],
  ['putWithTtl', full, ({ kv }, control) => kv.putWithTtl('k', 'v', { ...control, ttlSeconds: 5 })],
  ['compact', lost, ({ kv }, control) => kv.compact(5, control)],
  [
    'a serializable get',
    behind(),
    async ({ kv, channel }, control) => {
      await kv.get('k')
      channel.sent.length = 0
      return kv.get('k', { ...control, serializable: true })
    },
  ],
  ['grant', full, ({ lease }, control) => lease.grant({ ...control, ttlSeconds: 5 })],
  ['keepAliveOnce', lost, ({ lease }, control) => lease.keepAliveOnce(5n, control)],
  ['adopt', lost, ({ lease }, control) => lease.adopt(5n, control)],
  ['disarmAlarms', full, ({ maintenance }, control) => maintenance.disarmAlarms({}, control)],
]

/** Writes are of unknown outcome; reads find the key. */
function lost(path: string): unknown {
  if (path === 'Txn' || path === 'Compact') throw new EtcdError('outcome_unknown')
  return full(path)
}

/** Each answer is older than the one before. */
function behind(): (path: string) => unknown {
  let revision = 100
  return () => ({ header: { clusterId: 1n, revision: revision-- } })
}

const PAGED: [string, (all: SetUp, control: CallOptions) => Promise<unknown>][] = [
  ['scan', ({ kv }, control) => kv.scan({ prefix: 'k', pageSize: 1, ...control }, () => undefined)],
  [
    'iterate',
    async ({ kv }, control) => {
      for await (const entry of kv.iterate({ prefix: 'k', pageSize: 1, ...control }))
        expect(entry.key).toBe('k')
    },
  ],
]

/** The lease that is given back by a call without any time left has a time of its own. */
const REVOKE_MS = 5_000

function expectOneLimit({ channel }: SetUp, limitMs: number): void {
  const sent = channel.sent.filter(({ at, until }) => until - at !== REVOKE_MS)
  const end = sent[0]!.at + limitMs
  expect(sent.length).toBeGreaterThan(1)
  for (const { until } of sent) expect(until).toBeLessThanOrEqual(end + 1)
}

describe('the time limit of a call is one for all its requests', () => {
  test.each([...CALLS, ...PAGED.map(([name, call]) => [name, full, call] as const)])(
    '%s',
    async (_, answer, call) => {
      const all = setUp()
      all.channel.answer = answer
      const failed = await call(all, { timeoutMs: 700 }).catch((error: unknown) => error)
      if (failed !== undefined) expect(failed).toMatchObject({ name: 'EtcdError' })
      expectOneLimit(all, 700)
    },
  )

  test.each(CALLS)("%s, by the client's own where none is given", async (_, answer, call) => {
    const all = setUp({ callTimeoutMs: 500 })
    all.channel.answer = answer
    await call(all, {}).catch((error: unknown) => expect(error).toMatchObject({ name: 'EtcdError' }))
    expectOneLimit(all, 500)
  })

  test('and a clock that is set meanwhile changes nothing', async () => {
    for (const stepMs of [-3_600_000, 3_600_000]) {
      const all = setUp()
      let isFirst = true
      all.channel.answer = () => {
        if (isFirst) all.channel.clock.step(stepMs)
        isFirst = false
        throw new EtcdError('outcome_unknown')
      }
      const failed = all.kv.create('k', 'v', { timeoutMs: 700, isUnique: true })
      await expect(failed).rejects.toMatchObject({ code: 'outcome_unknown' })
      expect(all.channel.sent.map(({ at, until }) => until - at)).toEqual([700, 500])
    }
  })

  test('what is left of it is said', async () => {
    const all = setUp()
    all.channel.answer = full
    const failed = all.kv.scan({ prefix: 'k', pageSize: 1, timeoutMs: 500 }, () => undefined)
    await expect(failed).rejects.toThrow(/\[deadline_exceeded\].*within 100 ms, the rest of 500 ms/)
  })
})
