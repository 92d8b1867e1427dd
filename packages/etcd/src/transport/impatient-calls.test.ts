import type { ServerHttp2Session } from 'node:http2'
import { expect, test } from 'vitest'
import { KV } from '../wire/rpc.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { startDyingProxy } from './dying-proxy.test.kit.ts'
import { rangeAnswer, startFakeServer, testChannel } from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

/** A server whose answers lag as far behind as `state` says, and a channel that reaches it through a proxy. */
async function startLagging() {
  const state = { lagMs: 0, isMute: false }
  const server = await startFakeServer((call) => {
    if (state.isMute) return
    if (state.lagMs === 0) call.answer(rangeAnswer())
    else setTimeout(() => call.answer(rangeAnswer()), state.lagMs)
  })
  CLOSING.push(() => server.close())
  const proxy = await startDyingProxy(server.endpoint)
  CLOSING.push(() => proxy.close())
  const channel = testChannel([proxy.endpoint])
  CLOSING.push(() => channel.close())
  const pings = { count: 0, strikes: 0 }
  const get = (timeoutMs = 15_000) =>
    channel.unary(KV.range, { key: 'k' }, { retry: 'read', timeoutMs }).then(
      () => 'answered',
      (error: { readonly code: string }) => error.code,
    )
  expect(await get()).toBe('answered')
  for (const session of server.sessions) countPings(session, pings)
  return { state, proxy, get, pings }
}

/** Counts the pings of a session on which nothing is answered, and those that etcd finds too early. */
function countPings(session: ServerHttp2Session, pings: { count: number; strikes: number }): void {
  let last = Number.NEGATIVE_INFINITY
  session.on('ping', () => {
    const now = performance.now()
    pings.count += 1
    if (now - last < 5_000) pings.strikes += 1
    last = now
  })
}

test('a call that does not wait for a round trip replaces no connection', async () => {
  const { state, proxy, get } = await startLagging()
  for (let round = 0; round < 20; round += 1) {
    state.isMute = true
    expect(await get(5)).toBe('deadline_exceeded')
    state.isMute = false
    expect(await get()).toBe('answered')
  }
  expect(proxy.opened()).toBe(1)
})

test('calls shorter than the lag of a server that answers pings replace no connection', async () => {
  const { state, proxy, get } = await startLagging()
  state.lagMs = 700
  const late = async () => {
    for (let turn = 0; turn < 8; turn += 1) expect(await get(400)).toBe('deadline_exceeded')
  }
  const patient = async () => {
    for (let turn = 0; turn < 4; turn += 1) expect(await get()).toBe('answered')
  }
  await Promise.all([late(), patient()])
  expect(proxy.opened()).toBe(1)
}, 30_000)

test('a server that answers pings alone keeps its connection, and is not pinged more often than etcd permits', async () => {
  const { state, proxy, get, pings } = await startLagging()
  state.isMute = true
  for (let turn = 0; turn < 40; turn += 1) expect(await get(50)).toBe('deadline_exceeded')
  expect(await get(1_000)).toBe('deadline_exceeded')
  expect(proxy.opened()).toBe(1)
  expect(pings.count).toBeGreaterThan(0)
  // At the third one, etcd closes the connection.
  expect(pings.strikes).toBeLessThan(3)
})

test('a connection that has died without a word is left after one late call', async () => {
  const { proxy, get } = await startLagging()
  proxy.loseAll()
  expect(await get(2_000)).toBe('deadline_exceeded')
  expect(await get()).toBe('answered')
  expect(proxy.opened()).toBe(2)
})

test('a dead connection is left after short calls, too', async () => {
  const { proxy, get } = await startLagging()
  proxy.loseAll()
  await expect.poll(() => get(40), { timeout: 20_000, interval: 1 }).toBe('answered')
  expect(proxy.opened()).toBe(2)
})

test('a server that answers pings and no calls gets few of the writes, as long as another one answers', async () => {
  const asked = { mute: 0 }
  const mute = await startFakeServer((call) => {
    if (call.name.endsWith('/Put')) asked.mute += 1
    // Its status is known to it alone, as to a member that is cut off from the others.
    else call.answer(Buffer.alloc(0))
  })
  const good = await startFakeServer((call) => call.answer(rangeAnswer()))
  CLOSING.push(
    () => mute.close(),
    () => good.close(),
  )
  const channel = testChannel([mute.endpoint, good.endpoint])
  CLOSING.push(() => channel.close())
  let late = 0
  for (let turn = 0; turn < 30; turn += 1) {
    const put = channel.unary(KV.put, { key: 'k', value: 'v' }, { retry: 'write', timeoutMs: 400 })
    await put.catch((error: { readonly code: string }) => {
      expect(error.code).toBe('outcome_unknown')
      late += 1
    })
  }
  expect(late).toBe(asked.mute)
  expect(late).toBeGreaterThan(0)
  expect(late).toBeLessThan(6)
}, 40_000)
