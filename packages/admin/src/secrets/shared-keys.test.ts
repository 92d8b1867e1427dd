import { type Clock, keyring } from '@livetree/core'
import { afterEach, beforeEach, expect, test, type Mock, vi } from 'vitest'
import { SharedKeys } from './shared-keys.ts'

const given = { id: 'k1', key: Buffer.alloc(32, 1) }
const hanging = () => new Promise<never>(() => {})
const limits = { timeoutMs: 10_000 }
const clock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
})
afterEach(async () => {
  await vi.advanceTimersByTimeAsync(0)
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

/** The keys of a call, or the code that it ends with; undefined while it waits. */
function outcomeOf(call: ReturnType<SharedKeys['within']>) {
  const outcome: { now?: unknown } = {}
  call.then(
    ({ current, absence }) => {
      outcome.now = current?.id ?? absence
    },
    ({ code }) => {
      outcome.now = code
    },
  )
  return outcome
}

test('who comes after a call that the KMS left hanging has the keys when it is back', async () => {
  const port = vi.fn<() => Promise<typeof given>>(hanging)
  const keys = new SharedKeys(keyring({ current: port }), clock)
  const first = outcomeOf(keys.within({ timeoutMs: 800 }))
  await vi.advanceTimersByTimeAsync(900)
  expect(first.now).toContain('cannot be read')
  port.mockImplementation(async () => given)
  await vi.advanceTimersByTimeAsync(200)
  const next = outcomeOf(keys.within(limits))
  await vi.advanceTimersByTimeAsync(0)
  expect(next.now).toBe('k1')
  keys.close()
})

/** Asks for keys that were asked for a moment ago: they are the same for half a minute. */
async function expectKept(keys: SharedKeys, port: Mock): Promise<void> {
  await vi.advanceTimersByTimeAsync(29_000)
  await keys.within(limits)
  expect(port).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(2_000)
  await keys.within(limits)
  expect(port).toHaveBeenCalledTimes(2)
  keys.close()
}

test('calls share a reading, and the keys of a KMS for half a minute', async () => {
  const port = vi.fn(async () => given)
  const keys = new SharedKeys(keyring({ current: port }), clock)
  const calls = await Promise.all([keys.within(limits), keys.within(limits)])
  expect(calls.map(({ current }) => current?.id)).toEqual(['k1', 'k1'])
  await expectKept(keys, port)
})

test.each([-3_600_000, 3_600_000])(
  'they are kept for as long where the clock is set by %d ms',
  async (ms) => {
    const port = vi.fn(async () => given)
    const keys = new SharedKeys(keyring({ current: port }), clock)
    await keys.within(limits)
    vi.setSystemTime(Date.now() + ms)
    await expectKept(keys, port)
  },
)

test.each([10_000, 1_000])(
  'a previous origin that hangs holds back no call for long: one of %d ms',
  async (timeoutMs) => {
    const keys = new SharedKeys(keyring({ current: given, previous: hanging }), clock)
    const call = outcomeOf(keys.within({ timeoutMs }))
    await vi.advanceTimersByTimeAsync(Math.min(3_000, timeoutMs / 2))
    expect(call.now).toBe('k1')
    keys.close()
  },
)

test('keyring.refresh() settles while the KMS hangs', async () => {
  const ring = keyring({ current: hanging })
  const keys = new SharedKeys(ring, clock)
  const refreshed = vi.fn()
  void ring.refresh().then(refreshed)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(refreshed).toHaveBeenCalled()
  keys.close()
})

test('a call that waits for keys ends with closed when the admin is closed, and so does refresh()', async () => {
  const ring = keyring({ current: hanging })
  const keys = new SharedKeys(ring, clock)
  const refreshing = ring.refresh()
  const call = outcomeOf(keys.within(limits))
  keys.close()
  await refreshing
  await vi.advanceTimersByTimeAsync(0)
  expect(call.now).toBe('closed')
})
