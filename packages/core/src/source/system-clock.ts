import type { Clock } from './source.ts'

/** The clock of the machine; the default everywhere. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  setTimeout: (run: () => void, ms: number) => setTimeout(run, ms),
  clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
})
