import { describe, expect, test } from 'vitest'
import { retryMs, spreadFor } from './schedule.ts'

describe('spreadFor', () => {
  test.each([0, 1, 40, 200, 2_000, 20_000])(
    '%i instances write less than 500 times a second',
    (instances) => {
      const perSecond = (instances / spreadFor(instances)) * 1_000
      expect(perSecond).toBeLessThan(500)
    },
  )

  test('a few instances answer at once, and nobody waits for longer than a minute', () => {
    expect(spreadFor(3)).toBe(100)
    expect(spreadFor(2_000)).toBe(5_000)
    expect(spreadFor(10_000_000)).toBe(60_000)
    expect(spreadFor(undefined)).toBe(2_000)
  })
})

test('retryMs: twice as long after each failure, at most a minute, at random', () => {
  expect([1, 2, 3, 7, 50].map((failures) => retryMs(failures, () => 1))).toEqual([
    1_000, 2_000, 4_000, 60_000, 60_000,
  ])
  expect(retryMs(1, () => 0)).toBe(500)
})
