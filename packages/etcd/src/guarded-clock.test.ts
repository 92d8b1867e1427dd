import { describe, expect, it } from 'vitest'
import { keepRunning, systemClock } from './clock.ts'
import { guardClock } from './guarded-clock.ts'

const TIMES: readonly [string, () => unknown][] = [
  [
    'throws',
    () => {
      throw new Error('broken')
    },
  ],
  ['gives NaN', () => Number.NaN],
  ['gives a text', () => 'now'],
  ['gives nothing', () => undefined],
  ['gives infinity', () => Number.POSITIVE_INFINITY],
  ['gives a promise that rejects', () => Promise.reject(new Error('broken'))],
]

describe.each(TIMES)('a clock that %s', (_, broken) => {
  it("is replaced by the machine's", async () => {
    const causes: unknown[] = []
    const now = broken as () => number
    const clock = guardClock({ ...systemClock, now, monotonicNow: now }, (cause) => causes.push(cause))
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1_000)
    expect(Math.abs(clock.monotonicNow!() - performance.now())).toBeLessThan(1_000)
    expect(causes.length).toBeGreaterThan(0)
    await new Promise((resolve) => setImmediate(resolve))
  })
})

it('a timer that cannot be set is set on the machine, and can be cleared and kept', async () => {
  const setTimeout = () => {
    throw new Error('broken')
  }
  const clock = guardClock({ ...systemClock, setTimeout }, () => {})
  const ran: string[] = []
  clock.clearTimeout(clock.setTimeout(() => ran.push('cleared'), 1))
  await new Promise<void>((resolve) => {
    const timer = clock.setTimeout(resolve, 5)
    ;(timer as NodeJS.Timeout).ref()
  })
  expect(ran).toEqual([])
})

it('a clock that runs a timer at once, or twice, runs it later, and once', async () => {
  let runs = 0
  const setTimeout = (run: () => void) => {
    run()
    run()
  }
  const clock = guardClock({ ...systemClock, setTimeout }, () => {})
  clock.setTimeout(() => {
    runs += 1
  }, 1)
  expect(runs).toBe(0)
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  expect(runs).toBe(1)
})

it.each(TIMES)('a clock that %s later on goes on from where it was, without a leap', (_, broken) => {
  let isBroken = false
  // Neither hand is anywhere near the machine's.
  const now = () => (isBroken ? (broken() as number) : 5_000)
  const clock = guardClock({ ...systemClock, now, monotonicNow: now }, () => {})
  expect([clock.now(), clock.monotonicNow!()]).toEqual([5_000, 5_000])
  isBroken = true
  for (const read of [clock.now, clock.monotonicNow!]) {
    expect(read()).toBeGreaterThanOrEqual(4_999)
    expect(read()).toBeLessThan(15_000)
  }
})

it('timers whose methods throw, or give promises that reject, end nothing', async () => {
  const causes: unknown[] = []
  const broken = () => Promise.reject(new Error('broken'))
  const rejecting = guardClock(
    { now: Date.now, setTimeout: broken, clearTimeout: broken as () => never },
    (cause) => causes.push(cause),
  )
  rejecting.clearTimeout(rejecting.setTimeout(() => {}, 1))
  const handle = {
    ref() {
      throw new Error('broken')
    },
  }
  const clearTimeout = () => {
    throw new Error('broken')
  }
  const throwing = guardClock({ now: Date.now, setTimeout: () => handle, clearTimeout }, (cause) =>
    causes.push(cause),
  )
  const timer = throwing.setTimeout(() => {}, 1)
  keepRunning(timer)
  throwing.clearTimeout(timer)
  throwing.clearTimeout(undefined)
  expect(causes.length).toBe(1)
  // Long enough for a rejection that nobody handles to fail the test.
  await new Promise((resolve) => setTimeout(resolve, 5))
})
