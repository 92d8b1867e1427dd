import type { Clock } from './source/source.ts'

/** Node fires a timer with a longer delay immediately. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** A timer that is late by as much, in milliseconds, finds an event loop that was blocked. */
const LATE_MS = 20

/**
 * A timer of the system clock. After an event loop that was blocked, it fires when what has arrived meanwhile was read: what is
 * there is not late. Node itself runs timers first.
 */
class SystemTimer {
  readonly #timer: NodeJS.Timeout
  #late: NodeJS.Immediate | undefined

  constructor(run: () => void, ms: number) {
    const delayMs = Math.min(ms, LONGEST_TIMER_MS)
    const dueAt = performance.now() + delayMs
    const fire = (): void => {
      if (performance.now() - dueAt < LATE_MS) run()
      else this.#late = setImmediate(run)
    }
    this.#timer = setTimeout(fire, delayMs)
  }

  /** As on Node's timers: lets the process end. */
  unref(): void {
    this.#timer.unref()
  }

  clear(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#late)
  }
}

/** The system clock, the default everywhere. A delay of more than 24 days is cut to 24 days. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  setTimeout: (run: () => void, ms: number) => new SystemTimer(run, ms),
  clearTimeout(timer: unknown) {
    // A clock that has taken this method over may have timers of Node's.
    if (timer instanceof SystemTimer) timer.clear()
    else clearTimeout(timer as NodeJS.Timeout)
  },
})
