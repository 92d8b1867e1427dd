import type { Clock } from './source/source.ts'

/** Node fires a timer with a longer delay immediately. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The system clock, the default everywhere. A delay of more than 24 days is cut to 24 days. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  setTimeout: (run: () => void, ms: number) => setTimeout(run, Math.min(ms, LONGEST_TIMER_MS)),
  clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
})
