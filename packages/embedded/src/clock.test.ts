import { expect, test, vi } from 'vitest'
import { systemClock } from './clock.ts'

test('systemClock.schedule does not fire at once for a delay longer than a Node timer takes', () => {
  vi.useFakeTimers()
  const callback = vi.fn()
  const cancel = systemClock.schedule(callback, 9e12)
  vi.advanceTimersByTime(1000)
  expect(callback).not.toHaveBeenCalled()
  cancel()
  vi.advanceTimersByTime(2 ** 31)
  expect(callback).not.toHaveBeenCalled()
  vi.useRealTimers()
})
