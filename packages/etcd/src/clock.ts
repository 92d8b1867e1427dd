/** Wall time and timers; injected so that tests need no sleeping. */
export interface Clock {
  /** Milliseconds since the epoch. May be set, back or ahead. */
  now(): number
  /** Milliseconds since some moment, on a clock that nobody sets. Default: Node's own `performance.now()`. */
  monotonicNow?(): number
  setTimeout(run: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

/** Has a timer keep the process running, as an open socket does: what it ends is waited for. Returns it. */
export function keepRunning(timer: unknown): unknown {
  ;(timer as Partial<NodeJS.Timeout> | undefined)?.ref?.()
  return timer
}

/** The machine's own clock. Its timers alone do not keep the process running. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/** Milliseconds on the clock's hand that nobody sets; for timeouts and rests. It may stand still while the machine sleeps. */
export function monotonicNow(clock: Clock): number {
  return clock.monotonicNow?.() ?? performance.now()
}

/** A moment on both hands of a clock. */
export interface Moment {
  readonly wallMs: number
  readonly monotonicMs: number
}

/** Now, for `elapsedMs` later. */
export function momentOf(clock: Clock): Moment {
  return { wallMs: clock.now(), monotonicMs: monotonicNow(clock) }
}

/**
 * Milliseconds since a moment, for what must not outlive its time elsewhere, such as a lease: the hand that went further
 * counts. A time of day that is set back extends nothing, a machine that slept has slept; a time of day that is set ahead
 * ends it early, which is the safe side.
 */
export function elapsedMs(clock: Clock, since: Moment): number {
  return Math.max(0, clock.now() - since.wallMs, monotonicNow(clock) - since.monotonicMs)
}
