import { expect, test } from 'vitest'
import { fitLine, valueAt } from './fit.ts'

test('fitLine finds the line that the points lie on', () => {
  const line = fitLine([100, 1_000, 5_000].map((size) => [size, 3 + 0.05 * size] as const))
  expect(line.base).toBeCloseTo(3)
  expect(line.slope).toBeCloseTo(0.05)
  expect(valueAt(line, 100_000)).toBeCloseTo(5_003)
})

test('fitLine: a point that is off by a tenth moves the line as much at 100 as at 5,000', () => {
  const off = (at: number) =>
    fitLine([100, 1_000, 5_000].map((size) => [size, size * (size === at ? 1.1 : 1)] as const)).slope
  expect(off(5_000)).toBeGreaterThan(1)
  expect(off(5_000)).toBeLessThan(1.1)
})

test('valueAt is never below 0', () => {
  expect(valueAt({ base: -5, slope: 0.01 }, 100)).toBe(0)
})
