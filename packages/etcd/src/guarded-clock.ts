import { callIsolated } from './call-isolated.ts'
import { type Clock, systemClock } from './clock.ts'

/** Handles the rejection of a promise returned instead of a time; unhandled, it would end the process. */
function disown(given: unknown): void {
  callIsolated(
    () => given,
    () => undefined,
  )
}

/** A timer of the guarded clock. */
class GuardedTimer {
  readonly #run: () => void
  #isOver = false
  #handle: unknown
  #clear: (() => unknown) | undefined

  constructor(run: () => void) {
    this.#run = run
  }

  start(clock: Clock, ms: number): void {
    let isStarting = true
    const fire = (): void => {
      if (this.#isOver) return
      if (isStarting) {
        setImmediate(fire)
        return
      }
      this.#isOver = true
      this.#run()
    }
    this.#handle = clock.setTimeout(fire, ms)
    isStarting = false
    this.#clear = () => clock.clearTimeout(this.#handle)
  }

  /** As on Node's timers: keeps the process running. */
  ref(): void {
    ;(this.#handle as Partial<NodeJS.Timeout> | null | undefined)?.ref?.()
  }

  clear(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#clear?.()
  }
}

/**
 * Wraps a user's clock. If it throws or returns no finite number, the machine's clock is used instead and
 * `onFailure` is called. A timer fires at most once, never before `setTimeout` has returned, and never after
 * it was cleared.
 */
export function guardClock(clock: Clock, onFailure: (cause: unknown) => void): Clock {
  if (clock === systemClock) return clock
  const timeOf = (ask: () => unknown, otherwise: () => number): number => {
    try {
      const time = ask()
      if (typeof time === 'number' && Number.isFinite(time)) return time
      disown(time)
      throw new TypeError('the clock gave no number of milliseconds')
    } catch (cause) {
      onFailure(cause)
      return otherwise()
    }
  }
  return {
    now: () => timeOf(() => clock.now(), systemClock.now),
    monotonicNow: () =>
      timeOf(
        () => clock.monotonicNow?.() ?? performance.now(),
        () => performance.now(),
      ),
    setTimeout(run, ms) {
      const timer = new GuardedTimer(run)
      try {
        timer.start(clock, ms)
      } catch (cause) {
        onFailure(cause)
        timer.start(systemClock, ms)
      }
      return timer
    },
    clearTimeout(timer) {
      try {
        if (timer instanceof GuardedTimer) timer.clear()
      } catch (cause) {
        onFailure(cause)
      }
    },
  }
}
