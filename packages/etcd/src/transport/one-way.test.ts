import { expect, test } from 'vitest'
import { createEtcdClient } from '../client.ts'
import type { EtcdClientOptions } from '../client-options.ts'
import { encodeFrame } from '../wire/frame.ts'
import { LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '../wire/lease.ts'
import { RangeRequest } from '../wire/kv.ts'
import { Watch } from '../wire/rpc.ts'
import { WatchRequest, WatchResponse } from '../wire/watch.ts'
import { watchReports } from '../watch/watch-reports.test.kit.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { startDyingProxy } from './dying-proxy.test.kit.ts'
import {
  answerEach,
  type FakeCall,
  rangeAnswer,
  startFakeServer,
  testChannel,
} from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

let revision = 5

function header() {
  return { clusterId: 1n, memberId: 2n, revision, raftTerm: 3 }
}

/** Sends a change to the stream's first watch. */
function sendChange(call: FakeCall): void {
  if (call.stream.destroyed || !call.stream.headersSent) return
  revision += 1
  const kv = { key: 'a', value: 'v', createRevision: 5, modRevision: revision, version: 2 }
  const events = [{ kv }]
  call.stream.write(encodeFrame(WatchResponse, { header: header(), watchId: 0, events }))
}

function isOfK({ messages }: FakeCall): boolean {
  return String(RangeRequest.decode(messages[0]!).key) === 'k'
}

/**
 * A server that, once `lose` is called, receives nothing any more over the connections that are open, or nothing of one kind
 * of call, while what it sends still arrives: every 30 ms it sends a change on each of their watch streams.
 */
async function startOneWay(lost: 'everything' | 'Lease/LeaseKeepAlive' = 'everything') {
  const state = { losses: 0 }
  let losing: ReadonlySet<unknown> | undefined
  const isNew = ({ session }: FakeCall): boolean => losing !== undefined && !losing.has(session)
  const fake = await startFakeServer((call) => {
    const isMute = (): boolean => {
      const isMuted = losing?.has(call.session) === true && call.name === lost
      if (isMuted) state.losses += 1
      return isMuted
    }
    if (call.name === 'KV/Range' && !isMute() && isOfK(call)) call.answer(rangeAnswer())
    if (call.name === 'Lease/LeaseGrant' && !isMute())
      call.answer(encodeFrame(LeaseGrantResponse, { header: header(), id: 7n, ttl: 6 }))
    if (call.name === 'Lease/LeaseKeepAlive')
      answerEach(call, (message) => {
        const { id } = LeaseKeepAliveRequest.decode(message)
        if (!isMute()) return encodeFrame(LeaseKeepAliveResponse, { header: header(), id, ttl: 6 })
      })
    if (call.name === 'Watch/Watch')
      answerEach(call, (message) => {
        const { request } = WatchRequest.decode(message)
        if (isMute() || request === undefined || request.type === 'cancel') return undefined
        const { watchId = 0 } = request.type === 'create' ? request.value : { watchId: -1 }
        return encodeFrame(WatchResponse, { header: header(), watchId, created: request.type === 'create' })
      })
  })
  const sending = setInterval(() => {
    for (const call of fake.calls) if (call.name === 'Watch/Watch' && !isNew(call)) sendChange(call)
  }, 30)
  const proxy = await startDyingProxy(fake.endpoint)
  CLOSING.push(async () => {
    clearInterval(sending)
    await proxy.close()
    await fake.close()
  })
  const lose = (): void => {
    losing = new Set(fake.sessions)
    if (lost === 'everything') proxy.loseRequests()
  }
  const hasNew = (name: string): boolean => fake.calls.some((call) => call.name === name && isNew(call))
  return { endpoint: proxy.endpoint, state, lose, hasNew }
}

function openClient(endpoint: string, options: Partial<EtcdClientOptions> = {}) {
  const client = createEtcdClient({
    endpoints: endpoint,
    watch: { progressIntervalMs: 200, progressGraceMs: 500, openTimeoutMs: 3_000 },
    ...options,
  })
  CLOSING.push(() => client.close())
  return client
}

test('a call goes over a new connection although changes still come over the old one', async () => {
  const { endpoint, lose } = await startOneWay()
  const client = openClient(endpoint)
  const heard: unknown[] = []
  const stream = client.channel.stream(Watch.watch, {
    onMessage: (message) => heard.push(message),
    onEnd: () => undefined,
  })
  stream.send({ request: { type: 'create', value: { key: 'a' } } })
  await client.kv.get('k')
  lose()
  const before = heard.length
  await expect(client.kv.get('k', { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'deadline_exceeded' })
  expect(heard.length).toBeGreaterThan(before)
  const get = () => client.kv.get('k', { timeoutMs: 1_000 }).catch(() => undefined)
  await expect.poll(get).toBeDefined()
}, 60_000)

test('a watch that receives changes is opened again over a new connection once its requests are lost', async () => {
  const { endpoint, lose, hasNew } = await startOneWay()
  const reports = watchReports(openClient(endpoint))
  await expect.poll(() => reports.length, { timeout: 40_000 }).toBeGreaterThan(3)
  lose()
  await expect.poll(() => hasNew('Watch/Watch'), { timeout: 40_000 }).toBe(true)
  expect(reports).toContain('disconnected')
}, 60_000)

test('a silent watch gets a new connection although another stream receives changes', async () => {
  const { endpoint, lose, hasNew } = await startOneWay()
  const client = openClient(endpoint)
  const other = client.channel.stream(Watch.watch, { onMessage: () => undefined, onEnd: () => undefined })
  other.send({ request: { type: 'create', value: { key: 'a' } } })
  await client.kv.get('k')
  lose()
  const reports = watchReports(client)
  await expect.poll(() => reports[0], { timeout: 40_000 }).toBe('disconnected')
  await expect.poll(() => reports.includes('created'), { timeout: 40_000 }).toBe(true)
  expect(hasNew('Watch/Watch')).toBe(true)
}, 60_000)

test('a lease whose renewals alone are lost is kept over a new connection', async () => {
  const { endpoint, state, lose, hasNew } = await startOneWay('Lease/LeaseKeepAlive')
  const client = openClient(endpoint)
  const lease = await client.lease.grant({ ttlSeconds: 6 })
  const asking = setInterval(() => void client.kv.get('k').catch(() => undefined), 20)
  CLOSING.push(async () => clearInterval(asking))
  lose()
  lease.keepAlive()
  const before = lease.expiresAt
  await expect.poll(() => lease.expiresAt > before + 100 || lease.isLost, { timeout: 40_000 }).toBe(true)
  expect([lease.isLost, hasNew('Lease/LeaseKeepAlive'), state.losses > 1]).toEqual([false, true, true])
}, 60_000)

test('a single renewal that is lost has the next one made over a new connection', async () => {
  const { endpoint, lose } = await startOneWay('Lease/LeaseKeepAlive')
  const client = openClient(endpoint)
  await client.kv.get('k')
  lose()
  const renew = () => client.lease.keepAliveOnce(7n, { timeoutMs: 600 })
  await expect.poll(() => renew().catch(() => undefined), { timeout: 40_000 }).toBeDefined()
}, 60_000)

test('a connection whose pings are not answered is lost although changes come', async () => {
  const { endpoint, lose } = await startOneWay()
  const channel = testChannel([endpoint], { pingIntervalMs: 100 })
  CLOSING.push(() => channel.close())
  let heard = 0
  const ended: unknown[] = []
  const onMessage = (): void => {
    heard += 1
  }
  const stream = channel.stream(Watch.watch, { onMessage, onEnd: (error) => ended.push(error?.code) })
  stream.send({ request: { type: 'create', value: { key: 'a' } } })
  await expect.poll(() => heard).toBeGreaterThan(2)
  expect(ended).toEqual([])
  lose()
  await expect.poll(() => ended, { timeout: 40_000 }).toEqual(['connection_lost'])
}, 60_000)
