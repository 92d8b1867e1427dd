import type { Clock } from '@livetree/etcd'

/** The machine's clock. Its timers alone do not keep the process running. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/** Milliseconds of the monotonic clock, for durations. */
export function monotonicNow(clock: Clock): number {
  return clock.monotonicNow?.() ?? performance.now()
}
