import { expect, test } from 'vitest'
import { createEtcdClient } from '../client.ts'
import type { EtcdClientOptions } from '../client-options.ts'
import { systemClock } from '../clock.ts'
import { encodeFrame } from '../wire/frame.ts'
import { LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '../wire/lease.ts'
import { RangeRequest } from '../wire/kv.ts'
import { KV, Watch } from '../wire/rpc.ts'
import { WatchRequest, WatchResponse } from '../wire/watch.ts'
import { watchReports } from '../watch/watch-reports.test.kit.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import {
  answerEach,
  type FakeCall,
  putAnswer,
  rangeAnswer,
  startFakeServer,
  testChannel,
} from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

const HEADER = { clusterId: 1n, memberId: 2n, revision: 5, raftTerm: 3 }

/**
 * A server whose first connection dies when it is reports: as after a router has forgotten it, nothing comes over it any
 * more, and nobody closes it.
 */
async function startForgotten() {
  const state = { isForgotten: false }
  const answered: string[] = []
  const fake = await startFakeServer((call) => {
    const isMute = (): boolean => state.isForgotten && call.session === fake.calls[0]?.session
    if (call.name === 'KV/Put' && !isMute()) call.answer(putAnswer())
    if (call.name === 'KV/Range' && !isMute() && isOfK(call)) call.answer(rangeAnswer())
    if (call.name === 'Lease/LeaseGrant' && !isMute())
      call.answer(encodeFrame(LeaseGrantResponse, { header: HEADER, id: 7n, ttl: 3 }))
    if (call.name === 'Lease/LeaseKeepAlive')
      answerEach(call, (message) => {
        const { id } = LeaseKeepAliveRequest.decode(message)
        if (!isMute()) return encodeFrame(LeaseKeepAliveResponse, { header: HEADER, id, ttl: 3 })
      })
    if (call.name === 'Watch/Watch')
      answerEach(call, (message) => {
        const { request } = WatchRequest.decode(message)
        if (isMute() || request === undefined || request.type === 'cancel') return undefined
        const { watchId = 0 } = request.type === 'create' ? request.value : { watchId: -1 }
        answered.push(request.type)
        return encodeFrame(WatchResponse, { header: HEADER, watchId, created: request.type === 'create' })
      })
  })
  CLOSING.push(() => fake.close())
  const forget = (): void => {
    state.isForgotten = true
  }
  return { fake, forget, answered }
}

/** True for a read of the key `k`, and not one about a watch. */
function isOfK({ messages }: FakeCall): boolean {
  return String(RangeRequest.decode(messages[0]!).key) === 'k'
}

test('a lease is kept over a new connection to the only endpoint', { timeout: 20_000 }, async () => {
  const { fake, forget } = await startForgotten()
  const client = createEtcdClient({ endpoints: fake.endpoint })
  CLOSING.push(() => client.close())
  const lease = await client.lease.grant({ ttlSeconds: 3 })
  lease.keepAlive()
  await expect.poll(() => fake.calls.some(({ name }) => name === 'Lease/LeaseKeepAlive')).toBe(true)
  forget()
  // Nothing answers over the first connection, so that a renewal came over another one.
  await expect.poll(() => fake.sessions.size, { timeout: 10_000 }).toBeGreaterThan(1)
  const before = lease.expiresAt
  await expect.poll(() => lease.expiresAt > before, { timeout: 10_000 }).toBe(true)
  expect(lease.isLost).toBe(false)
})

test('a watch goes on over a new connection to the only endpoint', { timeout: 20_000 }, async () => {
  const { fake, forget } = await startForgotten()
  const client = createEtcdClient({
    endpoints: fake.endpoint,
    watch: { progressIntervalMs: 200, progressGraceMs: 500, openTimeoutMs: 3_000 },
  })
  CLOSING.push(() => client.close())
  const reports = watchReports(client)
  await expect.poll(() => reports).toEqual(['created'])
  forget()
  await expect.poll(() => reports.at(-1), { timeout: 10_000 }).toBe('resumed')
  expect(reports.filter((word) => word === 'resumed')).toHaveLength(1)
})

test('only a silent connection is replaced, and calls over it go on', async () => {
  const { fake, forget } = await startForgotten()
  let passedMs = 0
  const monotonic = () => performance.now() + passedMs
  const channel = testChannel([fake.endpoint], { clock: { ...systemClock, monotonicNow: monotonic } })
  CLOSING.push(() => channel.close())
  const put = () => channel.unary(KV.put, { key: 'k', value: 'v' }, { retry: 'write' })
  const heard: unknown[] = []
  const stream = channel.stream(Watch.watch, { onMessage: (m) => heard.push(m), onEnd: () => undefined })
  const ask = () => stream.send({ request: { type: 'progress', value: {} } })
  ask()
  await expect.poll(() => heard).toHaveLength(1)
  passedMs += 1_000
  stream.suspect?.()
  await put()
  expect(fake.sessions.size).toBe(1)
  forget()
  ask()
  passedMs += 1_000
  stream.suspect?.()
  await put()
  expect(fake.sessions.size).toBe(2)
})

/** Two servers with a connection to each, the second one idle. Both connections die when reports. */
async function startTwo(options: Partial<EtcdClientOptions> = {}) {
  const both = [await startForgotten(), await startForgotten()]
  const endpoints = both.map(({ fake }) => fake.endpoint)
  const client = createEtcdClient({ endpoints, ...options })
  CLOSING.push(() => client.close())
  for (const endpoint of endpoints)
    await client.channel.unary(KV.put, { key: 'k', value: 'v' }, { retry: 'write', endpoint })
  const forget = (): void => {
    for (const each of both) each.forget()
  }
  return { client, forget }
}

test('a watch whose connections to two endpoints are dead is silent once, not once per endpoint', async () => {
  const { client, forget } = await startTwo({
    watch: { progressIntervalMs: 200, progressGraceMs: 1_000, openTimeoutMs: 3_000 },
  })
  const reports = watchReports(client)
  await expect.poll(() => reports).toEqual(['created'])
  forget()
  await expect.poll(() => reports.at(-1), { timeout: 15_000 }).toBe('resumed')
  expect(reports).toEqual(['created', 'disconnected', 'resumed'])
}, 20_000)

test('a read over two dead connections is late once, not once per endpoint', async () => {
  const { client, forget } = await startTwo({ timeouts: { callMs: 60_000, attemptMs: 2_000 } })
  forget()
  const retried: string[] = []
  await client.kv.get('k', { onRetry: ({ code }) => retried.push(code) })
  expect(retried).toEqual(['unavailable'])
}, 20_000)
