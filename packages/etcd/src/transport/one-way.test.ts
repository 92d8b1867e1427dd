import { connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
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

interface Losing {
  /** True for a call whose requests do not arrive any more. */
  isLost(call: FakeCall): boolean
}

/**
 * A server that receives nothing of what is lost, while what it sends still arrives: every 30 ms it sends a change on
 * each watch stream of the first connection.
 */
async function startOneWay({ isLost }: Losing) {
  const state = { isLosing: false, losses: 0 }
  const fake = await startFakeServer((call) => {
    const isMute = (): boolean => {
      const isMuted = state.isLosing && call.session === fake.calls[0]?.session && isLost(call)
      if (isMuted) state.losses += 1
      return isMuted
    }
    if (call.name === 'KV/Range' && !isMute() && isOfK(call)) call.answer(rangeAnswer())
    if (call.name === 'Lease/LeaseGrant' && !isMute())
      call.answer(encodeFrame(LeaseGrantResponse, { header: header(), id: 7n, ttl: 3 }))
    if (call.name === 'Lease/LeaseKeepAlive')
      answerEach(call, (message) => {
        const { id } = LeaseKeepAliveRequest.decode(message)
        if (!isMute()) return encodeFrame(LeaseKeepAliveResponse, { header: header(), id, ttl: 3 })
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
    for (const call of fake.calls)
      if (call.name === 'Watch/Watch' && call.session === fake.calls[0]?.session) sendChange(call)
  }, 30)
  CLOSING.push(async () => {
    clearInterval(sending)
    await fake.close()
  })
  const lose = (): void => {
    state.isLosing = true
  }
  return { fake, state, lose }
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
  const { fake, lose } = await startOneWay({ isLost: () => true })
  const client = openClient(fake.endpoint)
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
  expect(await client.kv.get('k')).toBeDefined()
}, 20_000)

test('a watch that receives changes is opened again over a new connection once its requests are lost', async () => {
  const { fake, lose } = await startOneWay({ isLost: () => true })
  const reports = watchReports(openClient(fake.endpoint))
  await expect.poll(() => reports.length, { timeout: 10_000 }).toBeGreaterThan(3)
  lose()
  const watches = () => fake.calls.filter(({ name }) => name === 'Watch/Watch')
  await expect.poll(() => new Set(watches().map(({ session }) => session)).size, { timeout: 15_000 }).toBe(2)
  expect(reports.at(-1)).toBe('disconnected')
}, 20_000)

test('a silent watch gets a new connection although another stream receives changes', async () => {
  const { fake, state, lose } = await startOneWay({ isLost: () => true })
  const client = openClient(fake.endpoint)
  const other = client.channel.stream(Watch.watch, { onMessage: () => undefined, onEnd: () => undefined })
  other.send({ request: { type: 'create', value: { key: 'a' } } })
  await client.kv.get('k')
  lose()
  const reports = watchReports(client)
  await expect.poll(() => reports[0], { timeout: 15_000 }).toBe('disconnected')
  await expect.poll(() => reports.includes('created'), { timeout: 15_000 }).toBe(true)
  expect(state.losses).toBeGreaterThan(0)
}, 30_000)

test('a lease whose renewals alone are lost is kept over a new connection', async () => {
  const { fake, state, lose } = await startOneWay({ isLost: ({ name }) => name === 'Lease/LeaseKeepAlive' })
  const client = openClient(fake.endpoint)
  const lease = await client.lease.grant({ ttlSeconds: 3 })
  const asking = setInterval(() => void client.kv.get('k').catch(() => undefined), 20)
  CLOSING.push(async () => clearInterval(asking))
  lose()
  lease.keepAlive()
  const before = lease.expiresAt
  await expect.poll(() => lease.expiresAt > before + 100 || lease.isLost, { timeout: 10_000 }).toBe(true)
  expect([lease.isLost, fake.sessions.size, state.losses > 1]).toEqual([false, 2, true])
}, 20_000)

test('a single renewal that is lost has the next one made over a new connection', async () => {
  const { fake, lose } = await startOneWay({ isLost: ({ name }) => name === 'Lease/LeaseKeepAlive' })
  const client = openClient(fake.endpoint)
  await client.kv.get('k')
  lose()
  const renew = () => client.lease.keepAliveOnce(7n, { timeoutMs: 600 })
  await expect.poll(() => renew().catch(() => undefined), { timeout: 10_000 }).toBeDefined()
}, 20_000)

/** A proxy that throws away what clients send once `lose` is called; answers still pass. */
async function startLosingProxy(target: string) {
  const { port: targetPort } = new URL(target)
  let isLosing = false
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(Number(targetPort), '127.0.0.1')
    near.on('data', (bytes) => void (isLosing || far.write(bytes)))
    far.on('data', (bytes) => near.write(bytes))
    for (const each of [near, far]) {
      sockets.add(each)
      each.on('error', () => undefined)
      each.on('close', () => {
        near.destroy()
        far.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  CLOSING.push(async () => {
    for (const each of sockets) each.destroy()
    server.close()
    await once(server, 'close')
  })
  const lose = (): void => {
    isLosing = true
  }
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, lose }
}

test('a connection whose pings are not answered is lost although changes come', async () => {
  const { fake } = await startOneWay({ isLost: () => false })
  const proxy = await startLosingProxy(fake.endpoint)
  const channel = testChannel([proxy.endpoint], { pingIntervalMs: 100 })
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
  proxy.lose()
  await expect.poll(() => ended, { timeout: 10_000 }).toEqual(['connection_lost'])
}, 20_000)
