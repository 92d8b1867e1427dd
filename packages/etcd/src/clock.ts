/** Wall time and timers, injectable so that tests do not have to wait. */
export interface Clock {
  /** Milliseconds since the epoch. The time may be set back or ahead. */
  now(): number
  /** Milliseconds since an arbitrary moment, never adjusted. Default: Node's `performance.now()`. */
  monotonicNow?(): number
  setTimeout(run: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

/** Makes a timer keep the process running, as an open socket does. Returns the timer. */
export function keepRunning(timer: unknown): unknown {
  ;(timer as Partial<NodeJS.Timeout> | undefined)?.ref?.()
  return timer
}

/** The machine's clock. Its timers alone do not keep the process running. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/** Milliseconds of the monotonic clock, for timeouts and delays. It may pause while the machine sleeps. */
export function monotonicNow(clock: Clock): number {
  return clock.monotonicNow?.() ?? performance.now()
}

/** One moment in wall time and in monotonic time. */
export interface Moment {
  readonly wallMs: number
  readonly monotonicMs: number
}

/** The current moment, for a later `elapsedMs`. */
export function momentOf(clock: Clock): Moment {
  return { wallMs: clock.now(), monotonicMs: monotonicNow(clock) }
}

/**
 * Milliseconds since a moment, by whichever clock advanced further. Used for what must not outlive its time
 * on the server, such as a lease: setting the time of day back, or a sleeping machine, extends nothing.
 * Setting it ahead ends the lease early, which is safe.
 */
export function elapsedMs(clock: Clock, since: Moment): number {
  return Math.max(0, clock.now() - since.wallMs, monotonicNow(clock) - since.monotonicMs)
}
