import type { Clock } from './source/source.ts'

/** Node fires a longer one at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The clock of the machine; the default everywhere. A timer of more than 24 days runs after 24 days. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  setTimeout: (run: () => void, ms: number) => setTimeout(run, Math.min(ms, LONGEST_TIMER_MS)),
  clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
})
