import { expect, test } from 'vitest'
import { createEtcdClient } from '../client.ts'
import type { EtcdClientOptions } from '../client-options.ts'
import { AuthenticateResponse } from '../wire/auth.ts'
import { encodeFrame } from '../wire/frame.ts'
import { RangeRequest, RangeResponse, TxnRequest, TxnResponse } from '../wire/kv.ts'
import { LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '../wire/lease.ts'
import { StatusResponse } from '../wire/maintenance.ts'
import { WatchRequest, WatchResponse } from '../wire/watch.ts'
import { header, put, storeOf } from '../watch/watch-recorder.test.kit.ts'
import { watchReports } from '../watch/watch-reports.test.kit.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { answerEach, type FakeCall, putAnswer, rangeAnswer, startFakeServer } from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

const HEADER = header(5, 1n, 3)
const STORE = storeOf([put('k', 4).kv], HEADER)

/**
 * A store whose tokens name a log entry, as etcd's simple tokens do: a call with a token of an entry that the store
 * has not reached is not refused but waits for it. After `restore` that is every token issued before.
 */
async function startStore({ isStatusOpen = true, maxCalls = 100 } = {}) {
  const state = { known: new Set<string>(), issued: 0 }
  const waiting: string[] = []
  const slow: FakeCall[] = []
  /** Milliseconds that calls with a known token take. */
  const slowness = { txnMs: 0, readMs: 0 }
  const serveLater = (call: FakeCall): void => {
    const ms = { 'KV/Txn': slowness.txnMs, 'KV/Range': slowness.readMs }[call.name] ?? 0
    const serveOpen = (): void => {
      if (!call.stream.destroyed) serve(call, slow)
    }
    if (ms === 0) serve(call, slow)
    else if (ms < Number.POSITIVE_INFINITY) setTimeout(serveOpen, ms)
  }
  const server = await startFakeServer(
    (call) => {
      const { token } = call.headers
      if (call.name === 'Auth/Authenticate') {
        state.issued += 1
        const issued = `t${state.issued}`
        state.known.add(issued)
        call.answer(encodeFrame(AuthenticateResponse, { header: HEADER, token: issued }))
      } else if (token === undefined) {
        if (call.name === 'Maintenance/Status' && isStatusOpen)
          call.answer(encodeFrame(StatusResponse, { header: HEADER, version: '3.4.23' }))
        else call.refuse(3, 'etcdserver: user name is empty')
      } else if (!state.known.has(String(token))) waiting.push(call.name)
      else serveLater(call)
    },
    { settings: { maxConcurrentStreams: maxCalls } },
  )
  CLOSING.push(() => server.close())
  const connect = (options: Partial<EtcdClientOptions> = {}) => {
    const auth = { username: 'ann', password: 'secret' }
    const client = createEtcdClient({ endpoints: server.endpoint, auth, ...options })
    CLOSING.push(() => client.close())
    return client
  }
  const restore = (isCut = true): void => {
    state.known.clear()
    if (isCut) for (const session of server.sessions) session.destroy()
  }
  return { server, connect, restore, waiting, state, slowness }
}

/** Answers a call whose token the store knows. The read of the key `slow` waits for the next call. */
function serve(call: FakeCall, slow: FakeCall[]): void {
  for (const each of slow.splice(0)) each.answer(rangeAnswer())
  if (call.name === 'KV/Range' && String(RangeRequest.decode(call.messages[0]!).key) === 'slow')
    slow.push(call)
  else if (call.name === 'KV/Range')
    call.answer(encodeFrame(RangeResponse, STORE.onUnary('', RangeRequest.decode(call.messages[0]!))))
  if (call.name === 'KV/Put') call.answer(putAnswer())
  if (call.name === 'KV/Txn')
    call.answer(encodeFrame(TxnResponse, STORE.txn(TxnRequest.decode(call.messages[0]!))))
  if (call.name === 'Lease/LeaseGrant')
    call.answer(encodeFrame(LeaseGrantResponse, { header: HEADER, id: 7n, ttl: 12 }))
  if (call.name === 'Lease/LeaseKeepAlive')
    answerEach(call, (message) => {
      const { id } = LeaseKeepAliveRequest.decode(message)
      return encodeFrame(LeaseKeepAliveResponse, { header: HEADER, id, ttl: 12 })
    })
  if (call.name === 'Watch/Watch')
    answerEach(call, (message) => {
      const { request } = WatchRequest.decode(message)
      if (request === undefined || request.type === 'cancel') return undefined
      const { watchId = 0 } = request.type === 'create' ? request.value : { watchId: -1 }
      return encodeFrame(WatchResponse, { header: HEADER, watchId, created: request.type === 'create' })
    })
}

test.each([
  ['a restored store', {}, true],
  ['a restored store that tells its status to root only', { isStatusOpen: false }, true],
  ['a restored store behind a balancer that keeps the connection', {}, false],
])('a read of %s succeeds with a new token within its time', { timeout: 30_000 }, async (_, kind, isCut) => {
  const { connect, restore, waiting, state } = await startStore(kind)
  const client = connect({ timeouts: { callMs: 20_000 } })
  await client.kv.put('k', 'v')
  restore(isCut)
  const reads = Array.from({ length: 5 }, () => client.kv.get('k'))
  for (const entry of await Promise.all(reads)) expect(entry?.modRevision).toBe(4)
  expect(waiting).toContain('KV/Range')
  expect(state.issued).toBe(2)
})

test('a write without an answer has an unknown outcome, and the next one succeeds', {
  timeout: 30_000,
}, async () => {
  const { connect, restore } = await startStore()
  const client = connect({ timeouts: { callMs: 8_000 } })
  await client.kv.put('k', 'v')
  restore(false)
  const lost = await client.kv.put('k', 'w').then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(lost).toMatchObject({ code: 'outcome_unknown', fate: 'unknown' })
  await client.kv.put('k', 'w')
})

test('calls that are all shorter than the wait for an answer get a new token, too', {
  timeout: 30_000,
}, async () => {
  const { connect, restore } = await startStore()
  const client = connect()
  await client.kv.put('k', 'v')
  restore()
  const write = () =>
    client.kv.put('k', 'w', { timeoutMs: 400 }).then(
      () => 'done',
      (error: { readonly code: string }) => error.code,
    )
  await expect.poll(write, { timeout: 20_000, interval: 1 }).toBe('done')
})

test('a watch resumes on a restored store that waits for its token', { timeout: 30_000 }, async () => {
  const { connect, restore, state } = await startStore()
  const client = connect()
  const reports = watchReports(client)
  // A connection that a busy machine is slow to open is reported as lost before the watch is created.
  const served = () => reports.filter((report) => report !== 'disconnected')
  await expect.poll(served, { timeout: 20_000 }).toEqual(['created'])
  const began = performance.now()
  restore()
  await expect.poll(() => reports.at(-1), { timeout: 20_000 }).toBe('resumed')
  expect(served()).toEqual(['created', 'resumed'])
  // The settings of the watch allow 10 seconds for the first message of a stream.
  expect(performance.now() - began).toBeLessThan(9_000)
  expect(state.issued).toBe(2)
})

test('a lease is kept on a restored store that waits for its token', { timeout: 30_000 }, async () => {
  const { connect, restore, waiting, server } = await startStore()
  const client = connect()
  const lease = await client.lease.grant({ ttlSeconds: 12 })
  lease.keepAlive()
  await expect.poll(() => server.calls.some(({ name }) => name === 'Lease/LeaseKeepAlive')).toBe(true)
  restore()
  expect(await client.lease.keepAliveOnce(lease.id, { timeoutMs: 8_000 })).toBe(12)
  const before = lease.expiresAt
  await expect.poll(() => lease.expiresAt > before, { timeout: 10_000 }).toBe(true)
  expect(waiting).toContain('Lease/LeaseKeepAlive')
  expect(lease.isLost).toBe(false)
})

test('a slow answer costs no new token', { timeout: 30_000 }, async () => {
  const { connect, state, server } = await startStore()
  const client = connect({ timeouts: { callMs: 20_000 } })
  await client.kv.put('k', 'v')
  await client.kv.get('slow')
  expect(state.issued).toBe(1)
  expect(server.calls.filter(({ name }) => name === 'KV/Range')).toHaveLength(1)
})

test('a token is replaced although the waiting call has the only stream of its connection', async () => {
  const { connect, restore, state } = await startStore({ maxCalls: 1 })
  const client = connect()
  await client.kv.get('k')
  restore(false)
  expect((await client.kv.get('k'))?.text).toBe('v4')
  expect(state.issued).toBe(2)
})

test('an Authenticate that hangs ends the call in time, with one stream per connection', async () => {
  const server = await startFakeServer(() => undefined, { settings: { maxConcurrentStreams: 1 } })
  CLOSING.push(() => server.close())
  const client = createEtcdClient({
    endpoints: server.endpoint,
    auth: { username: 'ann', password: 'secret' },
    timeouts: { callMs: 1_500 },
  })
  CLOSING.push(() => client.close())
  const calls = [client.kv.get('k'), client.kv.get('k'), client.kv.put('k', 'v')]
  for (const each of await Promise.allSettled(calls))
    expect(each).toMatchObject({
      status: 'rejected',
      reason: { code: 'deadline_exceeded', fate: 'not_sent' },
    })
})

test.each([
  ['transactions take long', 1_500, 4_000],
  ['everything with a token takes long', 4_000, 4_000],
  ['transactions are dropped', Number.POSITIVE_INFINITY, 4_000],
])('a healthy read that takes long is sent once where %s', { timeout: 30_000 }, async (_, txnMs, readMs) => {
  const { connect, server, slowness } = await startStore()
  const client = connect({ timeouts: { callMs: 15_000 } })
  await client.kv.put('k', 'v')
  slowness.txnMs = txnMs
  slowness.readMs = readMs
  expect((await client.kv.get('k'))?.modRevision).toBe(4)
  const reads = server.calls.filter(
    ({ name, messages }) => name === 'KV/Range' && String(RangeRequest.decode(messages[0]!).key) === 'k',
  )
  expect(reads).toHaveLength(1)
})

test('a read succeeds with a new token behind a gateway that drops transactions', {
  timeout: 30_000,
}, async () => {
  const { connect, restore, state, slowness } = await startStore()
  const client = connect({ timeouts: { callMs: 20_000 } })
  await client.kv.put('k', 'v')
  slowness.txnMs = Number.POSITIVE_INFINITY
  restore(false)
  expect((await client.kv.get('k'))?.modRevision).toBe(4)
  expect(state.issued).toBe(2)
})
