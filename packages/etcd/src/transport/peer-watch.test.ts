import { expect, test } from 'vitest'
import { silentLogger } from '../logger.ts'
import { ManualClock } from '../watch/scripted-channel.test.kit.ts'
import { PeerWatch } from './peer-watch.ts'
import { PingPolicy } from './ping-policy.ts'

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** The watch of a peer that does what the test says. */
function watched({ openCalls = 1 } = {}) {
  const clock = new ManualClock()
  const state = { bytesRead: 0, isRetired: false, openCalls, isAlive: false }
  const pings: { readonly onPong: () => void }[] = []
  const told: string[] = []
  const peer = new PeerWatch({
    clock,
    pings: new PingPolicy(0, silentLogger),
    openCalls: () => state.openCalls,
    bytesRead: () => state.bytesRead,
    isRetired: () => state.isRetired,
    sendPing: (onPong) => {
      pings.push({ onPong })
      if (state.isAlive) clock.setTimeout(onPong, 10)
      return true
    },
    onSilent: () => told.push('silent'),
    onDead: () => told.push('dead'),
  })
  const send = (): void => {
    peer.started()
    peer.sent(peer.now)
  }
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await tick()
  }
  return { clock, state, pings, told, peer, send, pass, doubt: () => peer.doubt(() => told.push('left')) }
}

test('a retired connection that receives is not pinged at intervals', () => {
  const { state, peer } = watched()
  state.isRetired = true
  for (let round = 0; round < 10; round += 1) {
    state.bytesRead += 100
    expect(peer.pingDue()).toBeUndefined()
  }
  // Once nothing is received any more, only a ping can show whether the peer is still there.
  expect(peer.pingDue()).toBeDefined()
})

test('a connection in use that receives is pinged at intervals', () => {
  const { state, peer } = watched()
  for (let round = 0; round < 10; round += 1) {
    state.bytesRead += 100
    expect(peer.pingDue()).toBeDefined()
  }
})

test('a call that waits has the peer pinged once, and one that is answered has not', async () => {
  const { pings, peer, send, pass } = watched()
  send()
  peer.answered(peer.now)
  await pass(10_000)
  expect(pings).toHaveLength(0)
  send()
  await pass(10_000)
  expect(pings).toHaveLength(1)
})

test('the peer is not pinged for calls that are over', async () => {
  const { state, pings, send, pass } = watched()
  send()
  state.openCalls = 0
  await pass(10_000)
  expect(pings).toHaveLength(0)
})

test('a late call leaves the connection at once if a ping is unanswered by then', async () => {
  const { told, send, pass, doubt } = watched()
  send()
  await pass(100)
  await pass(250)
  expect(told).toEqual(['silent'])
  doubt()
  expect(told).toEqual(['silent', 'left'])
})

test('a call that is late before the ping is due leaves the connection once the ping is unanswered', async () => {
  const { pings, told, send, pass, doubt } = watched()
  send()
  await pass(20)
  doubt()
  expect([pings.length, told]).toEqual([1, []])
  await pass(249)
  expect(told).toEqual([])
  await pass(1)
  expect(told).toEqual(['silent', 'left'])
})

test('no number of late calls leaves a connection over which pings are answered', async () => {
  const { state, pings, told, send, pass, doubt } = watched()
  state.isAlive = true
  for (let round = 0; round < 100; round += 1) {
    send()
    await pass(400)
    doubt()
  }
  expect(told).toEqual([])
  // At most one in 6 seconds, and one that etcd forgives.
  expect(pings.length).toBeLessThanOrEqual(2 + 40_000 / 6_000)
})

test('an answer to a call that was sent after the late one keeps the connection', async () => {
  const { told, peer, send, pass, doubt } = watched()
  send()
  await pass(50)
  doubt()
  await pass(10)
  const sentAt = peer.now
  send()
  peer.answered(sentAt)
  await pass(1_000)
  expect(told).toEqual([])
})

test('a peer that was silent and answers again is trusted again', async () => {
  const { pings, told, send, pass, doubt } = watched()
  send()
  await pass(400)
  await pass(250)
  pings[0]!.onPong()
  doubt()
  expect(told).toEqual(['silent'])
})

test('the time in which the process was busy does not count', async () => {
  const { clock, pings, told, send, pass, doubt } = watched()
  send()
  await pass(100)
  doubt()
  // The timer fires a second late, and the answer has not been read yet.
  await busy(clock, 1_000)
  expect(told).toEqual([])
  pings[0]!.onPong()
  await pass(250)
  expect(told).toEqual([])
})

/** Lets time pass of which the timers notice nothing before its end. */
async function busy(clock: ManualClock, ms: number): Promise<void> {
  const { monotonicNow } = clock
  clock.monotonicNow = () => monotonicNow.call(clock) + ms
  clock.advance(250)
  await tick()
}

test('a round trip that takes long is waited for', async () => {
  const { told, peer, send, pass, doubt } = watched()
  peer.introduced(peer.now - 400)
  await pass(1)
  send()
  doubt()
  await pass(790)
  expect(told).toEqual([])
  await pass(10)
  expect(told).toEqual(['silent', 'left'])
})

test('the peer of a retired connection is not asked', async () => {
  const { state, pings, told, send, pass, doubt } = watched()
  state.isRetired = true
  send()
  doubt()
  await pass(10_000)
  expect([pings, told]).toEqual([[], []])
})
