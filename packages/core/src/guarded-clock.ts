import type { Clock } from './source/source.ts'
import { systemClock } from './clock.ts'
import { disown } from './callback.ts'

interface Timer {
  isOver: boolean
  /** Clears the underlying timer. */
  clear(): unknown
}

/**
 * Wraps a user's clock. If it throws or returns no finite number, the system clock is used instead and `onFailure` is
 * called. A timer runs at most once, never before `setTimeout` has returned, and never after it was cleared.
 */
export function guardClock(clock: Clock, onFailure: (cause: unknown) => void): Clock {
  if (clock === systemClock) return clock
  const timeOf = (ask: () => unknown, otherwise: () => number): number => {
    try {
      const time = ask()
      if (typeof time === 'number' && Number.isFinite(time)) return time
      disown(time)
      throw new TypeError('a clock gave no number of milliseconds')
    } catch (cause) {
      onFailure(cause)
      return otherwise()
    }
  }
  const now = () => timeOf(() => clock.now(), systemClock.now)
  const start = (target: Clock, timer: Timer, run: () => void, ms: number): void => {
    let isStarting = true
    const fire = () => {
      if (timer.isOver) return
      if (isStarting) {
        setImmediate(fire)
        return
      }
      timer.isOver = true
      run()
    }
    const handle = target.setTimeout(fire, ms)
    isStarting = false
    disown(handle)
    timer.clear = () => target.clearTimeout(handle)
  }
  // Optional: a monotonic time, which sources may use to measure durations.
  const { monotonicNow } = clock as { monotonicNow?: () => number }
  return Object.freeze({
    now,
    ...(typeof monotonicNow === 'function' && {
      monotonicNow: () =>
        timeOf(
          () => monotonicNow.call(clock),
          () => performance.now(),
        ),
    }),
    setTimeout(run: () => void, ms: number): Timer {
      const timer: Timer = { isOver: false, clear() {} }
      try {
        start(clock, timer, run, ms)
      } catch (cause) {
        onFailure(cause)
        start(systemClock, timer, run, ms)
      }
      return timer
    },
    clearTimeout(given: unknown): void {
      const timer = given as Timer | undefined
      if (timer === undefined || timer.isOver) return
      timer.isOver = true
      try {
        disown(timer.clear())
      } catch (cause) {
        onFailure(cause)
      }
    },
  })
}
