import { connect } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { KV } from '../wire/rpc.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { rangeAnswer, startFakeServer, startRawServer, testChannel } from './fake-server.test.kit.ts'
import { Opening } from './opening.ts'

const CLOSING = closedAfterEach()

test('Opening: the limit is over after the given time, unless it is decided before', () => {
  const timers: { readonly run: () => void; readonly ms: number }[] = []
  const setTimeout = (run: () => void, ms: number) => timers.push({ run, ms })
  const opening = new Opening({
    ...systemClock,
    setTimeout,
    clearTimeout: (timer) => delete timers[Number(timer) - 1],
  })
  let lateAt: number | undefined
  for (const limitMs of [1, 19, 39, 59, 200, 3_000]) {
    timers.length = 0
    opening.limit(limitMs, () => {
      lateAt = timers.reduce((sum, { ms }) => sum + Math.trunc(ms), 0)
    })
    for (let next = 0; next < timers.length; next += 1) timers[next]?.run()
    expect(lateAt).toBe(limitMs)
  }
  lateAt = undefined
  opening.limit(3_000, () => {
    lateAt = 0
  })
  timers.at(-1)?.run()
  opening.settled()
  expect([timers.at(-1), lateAt]).toEqual([undefined, undefined])
})

test('a connection is established by a process that is too busy to read in time what arrives', async () => {
  const server = await startFakeServer((call) => call.answer(rangeAnswer()))
  CLOSING.push(() => server.close())
  let accepted = 0
  // A quick peer, and eight turns of the event loop until its first bytes are read.
  const slow = await startRawServer(async (socket) => {
    accepted += 1
    for (let turn = 0; turn < 8; turn += 1) await nextTurn()
    const upstream = connect(Number(new URL(server.endpoint).port), '127.0.0.1')
    for (const each of [socket, upstream]) each.on('error', () => undefined)
    socket.on('close', () => upstream.destroy())
    socket.pipe(upstream).pipe(socket)
  })
  CLOSING.push(() => slow.close())
  const channel = testChannel([slow.endpoint], { connectTimeoutMs: 200 })
  CLOSING.push(() => channel.close())
  const work = new AbortController()
  const working = beBusy(work.signal)
  const reading = channel.unary(KV.range, { key: 'k' }, { retry: 'read', timeoutMs: 6_000 })
  await reading.finally(() => work.abort())
  await working
  expect(accepted).toBe(1)
})

/** Leaves each turn of the event loop 60 ms late. */
async function beBusy(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const until = performance.now() + 60
    while (performance.now() < until);
    await nextTurn()
  }
}
