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
import { startDyingProxy } from './dying-proxy.test.kit.ts'
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
 * A server behind a connection that dies when `forget` is called: as after a router has forgotten it, nothing comes over it
 * any more, and nobody closes it.
 */
async function startForgotten() {
  const fake = await startFakeServer((call) => {
    if (call.name === 'KV/Put') call.answer(putAnswer())
    if (call.name === 'KV/Range' && isOfK(call)) call.answer(rangeAnswer())
    if (call.name === 'Lease/LeaseGrant')
      call.answer(encodeFrame(LeaseGrantResponse, { header: HEADER, id: 7n, ttl: 3 }))
    if (call.name === 'Lease/LeaseKeepAlive')
      answerEach(call, (message) => {
        const { id } = LeaseKeepAliveRequest.decode(message)
        return encodeFrame(LeaseKeepAliveResponse, { header: HEADER, id, ttl: 3 })
      })
    if (call.name === 'Watch/Watch')
      answerEach(call, (message) => {
        const { request } = WatchRequest.decode(message)
        if (request === undefined || request.type === 'cancel') return undefined
        const { watchId = 0 } = request.type === 'create' ? request.value : { watchId: -1 }
        return encodeFrame(WatchResponse, { header: HEADER, watchId, created: request.type === 'create' })
      })
  })
  CLOSING.push(() => fake.close())
  const proxy = await startDyingProxy(fake.endpoint)
  CLOSING.push(() => proxy.close())
  return { endpoint: proxy.endpoint, fake, proxy, forget: () => proxy.loseAll() }
}

/** True for a read of the key `k`, and not one about a watch. */
function isOfK({ messages }: FakeCall): boolean {
  return String(RangeRequest.decode(messages[0]!).key) === 'k'
}

test('a lease is kept over a new connection to the only endpoint', { timeout: 60_000 }, async () => {
  const { endpoint, fake, proxy, forget } = await startForgotten()
  const client = createEtcdClient({ endpoints: endpoint })
  CLOSING.push(() => client.close())
  const lease = await client.lease.grant({ ttlSeconds: 3 })
  lease.keepAlive()
  await expect.poll(() => fake.calls.some(({ name }) => name === 'Lease/LeaseKeepAlive')).toBe(true)
  forget()
  // Nothing answers over the first connection, so that a renewal came over another one.
  await expect.poll(() => proxy.opened(), { timeout: 40_000 }).toBeGreaterThan(1)
  const before = lease.expiresAt
  await expect.poll(() => lease.expiresAt > before, { timeout: 40_000 }).toBe(true)
  expect(lease.isLost).toBe(false)
})

test('a watch goes on over a new connection to the only endpoint', { timeout: 60_000 }, async () => {
  const { endpoint, forget } = await startForgotten()
  const client = createEtcdClient({
    endpoints: endpoint,
    watch: { progressIntervalMs: 200, progressGraceMs: 500, openTimeoutMs: 3_000 },
  })
  CLOSING.push(() => client.close())
  const reports = watchReports(client)
  await expect.poll(() => reports).toEqual(['created'])
  forget()
  await expect.poll(() => reports.at(-1), { timeout: 40_000 }).toBe('resumed')
  expect(reports.filter((word) => word === 'resumed')).toHaveLength(1)
})

test('only a connection that leaves a ping unanswered is replaced', async () => {
  const { endpoint, proxy, forget } = await startForgotten()
  let passedMs = 0
  const monotonic = () => performance.now() + passedMs
  const channel = testChannel([endpoint], { clock: { ...systemClock, monotonicNow: monotonic } })
  CLOSING.push(() => channel.close())
  const put = () => channel.unary(KV.put, { key: 'k', value: 'v' }, { retry: 'write', timeoutMs: 300 })
  const heard: unknown[] = []
  const stream = channel.stream(Watch.watch, { onMessage: (m) => heard.push(m), onEnd: () => undefined })
  const ask = () => stream.send({ request: { type: 'progress', value: {} } })
  ask()
  await expect.poll(() => heard).toHaveLength(1)
  passedMs += 1_000
  stream.suspect?.()
  await put()
  expect(proxy.opened()).toBe(1)
  forget()
  ask()
  passedMs += 1_000
  stream.suspect?.()
  await expect.poll(() => put().catch(() => undefined), { timeout: 40_000 }).toBeDefined()
  expect(proxy.opened()).toBe(2)
})

/** Two servers with a connection to each, the second one idle. Both connections die when reports. */
async function startTwo(options: Partial<EtcdClientOptions> = {}) {
  const both = [await startForgotten(), await startForgotten()]
  const endpoints = both.map(({ endpoint }) => endpoint)
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
    watch: { progressIntervalMs: 200, progressGraceMs: 3_000, openTimeoutMs: 6_000 },
  })
  const reports = watchReports(client)
  await expect.poll(() => reports).toEqual(['created'])
  forget()
  await expect.poll(() => reports.at(-1), { timeout: 40_000 }).toBe('resumed')
  expect(reports).toEqual(['created', 'disconnected', 'resumed'])
}, 60_000)

test('a read over two dead connections is late once, not once per endpoint', async () => {
  const { client, forget } = await startTwo({ timeouts: { callMs: 60_000, attemptMs: 4_000 } })
  forget()
  const retried: string[] = []
  await client.kv.get('k', { onRetry: ({ code }) => retried.push(code) })
  expect(retried).toEqual(['unavailable'])
}, 60_000)
