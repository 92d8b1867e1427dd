/** Wall time and timers; injected so that tests need no sleeping. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  setTimeout(run: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

/** Has a timer keep the process running, as an open socket does: what it ends is waited for. Returns it. */
export const keepRunning = (timer: unknown): unknown => {
  ;(timer as Partial<NodeJS.Timeout> | undefined)?.ref?.()
  return timer
}

/** The machine's own clock. Its timers alone do not keep the process running. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}
