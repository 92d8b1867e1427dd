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

/** A timer that is late by as much, in milliseconds, finds an event loop that was blocked. */
const LATE_MS = 20

/**
 * A timer of the machine's clock. After an event loop that was blocked, it fires when what has arrived meanwhile was read: an
 * answer that is there is no late answer. Node itself runs timers first.
 */
class SystemTimer {
  readonly #timer: NodeJS.Timeout
  #late: NodeJS.Immediate | undefined

  constructor(run: () => void, ms: number) {
    const dueAt = performance.now() + ms
    const fire = (): void => {
      if (performance.now() - dueAt < LATE_MS) run()
      else this.#late = setImmediate(run)
    }
    this.#timer = setTimeout(fire, ms).unref()
  }

  ref(): void {
    this.#timer.ref()
  }

  clear(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#late)
  }
}

/** The machine's clock. Its timers alone do not keep the process running. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => new SystemTimer(run, ms),
  clearTimeout(timer: unknown) {
    // A clock that has taken this method over may have timers of Node's.
    if (timer instanceof SystemTimer) timer.clear()
    else clearTimeout(timer as NodeJS.Timeout)
  },
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
