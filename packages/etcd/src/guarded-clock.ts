import { callIsolated } from './call-isolated.ts'
import { type Clock, systemClock } from './clock.ts'

/** Handles the rejection of a promise returned instead of a time or a timer; unhandled, it would end the process. */
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
    disown(this.#handle)
    isStarting = false
    this.#clear = () => clock.clearTimeout(this.#handle)
  }

  /** As on Node's timers: keeps the process running. */
  ref(): void {
    callIsolated(
      () => (this.#handle as Partial<NodeJS.Timeout> | null | undefined)?.ref?.(),
      () => undefined,
    )
  }

  clear(): void {
    if (this.#isOver) return
    this.#isOver = true
    disown(this.#clear?.())
  }
}

/** One of the two times of a clock. While it cannot be read, it continues from its last value at the machine's rate. */
class GuardedHand {
  readonly #read: () => unknown
  readonly #machine: () => number
  readonly #onFailure: (cause: unknown) => void
  /** How far it was ahead of the machine's clock when it was last read, in milliseconds. */
  #aheadMs = 0

  constructor(read: () => unknown, machine: () => number, onFailure: (cause: unknown) => void) {
    this.#read = read
    this.#machine = machine
    this.#onFailure = onFailure
  }

  now(): number {
    try {
      const time = this.#read()
      if (typeof time === 'number' && Number.isFinite(time)) {
        this.#aheadMs = time - this.#machine()
        return time
      }
      disown(time)
      throw new TypeError('the clock gave no number of milliseconds')
    } catch (cause) {
      this.#onFailure(cause)
      return this.#machine() + this.#aheadMs
    }
  }
}

/**
 * Wraps a user's clock. If it throws or returns no finite number, `onFailure` is called, and the time continues
 * from the last value at the rate of the machine's clock, without a jump. A timer fires at most once, never
 * before `setTimeout` has returned, and never after it was cleared.
 */
export function guardClock(clock: Clock, onFailure: (cause: unknown) => void): Clock {
  if (clock === systemClock) return clock
  const machine = (): number => performance.now()
  const wall = new GuardedHand(() => clock.now(), systemClock.now, onFailure)
  const readMonotonic = () => (clock.monotonicNow === undefined ? machine() : clock.monotonicNow())
  const monotonic = new GuardedHand(readMonotonic, machine, onFailure)
  return {
    now: () => wall.now(),
    monotonicNow: () => monotonic.now(),
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
