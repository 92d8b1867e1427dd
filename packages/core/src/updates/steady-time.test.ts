import { expect, test } from 'vitest'
import { steadyTime } from './steady-time.ts'

test('goes on from where it was when the clock is set back, and follows it otherwise', () => {
  let at = 1_000
  const now = steadyTime({ now: () => at })
  const seen = [1_000, 1_500, 200, 300, 300, 250, 260, 9_000].map((time) => {
    at = time
    return now()
  })
  expect(seen).toEqual([1_000, 1_500, 1_500, 1_600, 1_600, 1_600, 1_610, 10_350])
})
