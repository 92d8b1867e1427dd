import { expect, test } from 'vitest'
import { KV } from '../wire/rpc.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { rangeAnswer, startFakeServer, testChannel } from './fake-server.test.kit.ts'
import { LateTime } from './late-time.ts'

const CLOSING = closedAfterEach()

test('a call that does not wait for a round trip replaces no connection', async () => {
  const state = { isMute: false }
  const server = await startFakeServer((call) => {
    if (!state.isMute) call.answer(rangeAnswer())
  })
  CLOSING.push(() => server.close())
  const channel = testChannel([server.endpoint])
  CLOSING.push(() => channel.close())
  const get = (timeoutMs: number) =>
    channel.unary(KV.range, { key: 'k' }, { retry: 'read', timeoutMs }).then(
      () => 'answered',
      (error: { readonly code: string }) => error.code,
    )
  expect(await get(15_000)).toBe('answered')
  for (let round = 0; round < 20; round += 1) {
    state.isMute = true
    expect(await get(5)).toBe('deadline_exceeded')
    state.isMute = false
    expect(await get(15_000)).toBe('answered')
  }
  expect(new Set(server.calls.map(({ session }) => session)).size).toBe(1)
  // A connection that answers none of many such calls is replaced.
  state.isMute = true
  const before = server.calls.length
  const sessions = () => new Set(server.calls.slice(before).map(({ session }) => session)).size
  await expect.poll(async () => get(20).then(sessions), { timeout: 20_000, interval: 1 }).toBeGreaterThan(1)
})

test('only the time in which calls waited counts, and once for calls at the same time', () => {
  const late = new LateTime()
  expect(late.add(0, 20, 1)).toBe(20)
  expect(late.add(5, 25, 1)).toBe(25)
  expect(late.add(10_000, 10_020, 1)).toBe(45)
  expect(late.add(10_030, 10_050, 2)).toBe(20)
})
