import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createEtcdClient, type EtcdClient } from '../client.ts'
import { AuthenticateResponse } from '../wire/auth.ts'
import { encodeFrame } from '../wire/frame.ts'
import { LeaseKeepAliveResponse } from '../wire/lease.ts'
import { SnapshotResponse } from '../wire/maintenance.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { type FakeCall, putAnswer, rangeAnswer, startFakeServer } from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

/** A store of three bytes and its sum. */
function snapshotPieces() {
  const blob = Buffer.from('abc')
  const sum = createHash('sha256').update(blob).digest()
  return [blob, sum].map((each) => ({ blob: each, remainingBytes: 0 }))
}

const ANSWERS: Readonly<Record<string, () => Buffer>> = {
  'KV/Put': () => putAnswer(),
  'KV/Txn': () => putAnswer(),
  'KV/Range': () => rangeAnswer(),
  'Maintenance/Snapshot': () =>
    Buffer.concat(snapshotPieces().map((each) => encodeFrame(SnapshotResponse, each))),
  'Lease/LeaseKeepAlive': () => encodeFrame(LeaseKeepAliveResponse, { id: 7n, ttl: 60 }),
}

interface Setting {
  readonly callMs: number
  /** Which calls to Authenticate are left without an answer. */
  readonly isMute: (index: number) => boolean
  readonly isRefusing?: boolean
}

/** A server that takes its newest token alone. `expire` ends that. */
async function start({ callMs, isMute, isRefusing = false }: Setting) {
  let asked = 0
  let token = ''
  const authenticate = (call: FakeCall): void => {
    const index = asked
    asked += 1
    if (isRefusing) {
      call.refuse(3, 'etcdserver: authentication failed, invalid user ID or password')
      return
    }
    if (isMute(index)) return
    token = `token ${asked}`
    call.answer(encodeFrame(AuthenticateResponse, { token }))
  }
  const fake = await startFakeServer((call) => {
    const frame = ANSWERS[call.name]
    if (call.name === 'Auth/Authenticate') authenticate(call)
    else if (call.headers.token !== token) call.refuse(16, 'etcdserver: invalid auth token')
    else if (frame !== undefined) call.answer(frame())
  })
  CLOSING.push(() => fake.close())
  const client = createEtcdClient({
    endpoints: [fake.endpoint],
    auth: { username: 'root', password: 'secret' },
    timeouts: { callMs },
    backoff: { minMs: 5, maxMs: 20 },
  })
  CLOSING.push(() => client.close())
  const expire = (): void => {
    token = 'none'
  }
  return { client, expire, askedTimes: () => asked }
}

type Limits = { readonly timeoutMs?: number; readonly signal?: AbortSignal }

const CALLS: Readonly<Record<string, (client: EtcdClient, limits: Limits) => Promise<unknown>>> = {
  get: ({ kv }, limits) => kv.get('k', limits),
  put: ({ kv }, limits) => kv.put('k', 'v', limits),
  create: ({ kv }, limits) => kv.create('k', 'v', limits),
  delete: ({ kv }, limits) => kv.delete('k', limits),
  keepAliveOnce: ({ lease }, limits) => lease.keepAliveOnce(7n, limits),
  adopt: ({ lease }, limits) => lease.adopt(7n, limits),
  revoke: ({ lease }, limits) => lease.revoke(7n, limits),
  grant: ({ lease }, limits) => lease.grant({ ttlSeconds: 5, ...limits }),
  status: ({ maintenance }, limits) => maintenance.status(limits),
  moveLeader: ({ maintenance }, limits) => maintenance.moveLeader(5n, limits),
  snapshot: ({ maintenance }, limits) => maintenance.snapshot(limits).next(),
  members: ({ cluster }, limits) => cluster.members(limits),
}

describe.each(Object.keys(CALLS))('%s', (name) => {
  test('ends within its own time, and at its abort, while the token cannot be fetched', async () => {
    const { client } = await start({ callMs: 60_000, isMute: () => true })
    const before = performance.now()
    await expect(CALLS[name]!(client, { timeoutMs: 60 })).rejects.toMatchObject({ name: 'EtcdError' })
    const aborted = CALLS[name]!(client, { signal: AbortSignal.timeout(60) })
    await expect(aborted).rejects.toMatchObject({ name: 'EtcdError' })
    expect(performance.now() - before).toBeLessThan(10_000)
  })

  test('ends so, too, when the token it has is refused', async () => {
    const { client, expire } = await start({ callMs: 60_000, isMute: (index) => index > 0 })
    await client.kv.get('k')
    expire()
    const before = performance.now()
    await expect(CALLS[name]!(client, { timeoutMs: 60 })).rejects.toMatchObject({ name: 'EtcdError' })
    expect(performance.now() - before).toBeLessThan(10_000)
  })
})

const ANSWERED = ['get', 'put', 'keepAliveOnce', 'adopt', 'snapshot']

describe.each(ANSWERED)('%s', (name) => {
  test('waits for a token as long as it may take, not only as long as one Authenticate may', async () => {
    const { client, askedTimes } = await start({ callMs: 50, isMute: (index) => index < 3 })
    await CALLS[name]!(client, { timeoutMs: 20_000 })
    // An answer may itself take longer than 50 ms, and is then asked for again.
    expect(askedTimes()).toBeGreaterThanOrEqual(4)
  })

  test('waits so, too, when the token it has is refused', async () => {
    const { client, askedTimes, expire } = await start({ callMs: 50, isMute: (index) => index % 3 > 0 })
    await client.kv.get('k', { timeoutMs: 20_000 })
    const askedBefore = askedTimes()
    expire()
    await CALLS[name]!(client, { timeoutMs: 20_000 })
    expect(askedTimes() - askedBefore).toBeGreaterThanOrEqual(3)
  })
})

test('with a wrong password a call does not wait', async () => {
  const { client } = await start({ callMs: 60_000, isMute: () => false, isRefusing: true })
  await expect(client.kv.put('k', 'v')).rejects.toMatchObject({ code: 'unauthenticated', fate: 'not_sent' })
})
