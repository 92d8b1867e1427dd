import { describe, expect, it } from 'vitest'
import { systemClock } from './clock.ts'
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
