import { LivetreeError } from '../errors.ts'
import type { Clock } from '../source/source.ts'
import { shortText } from '../short-text.ts'
import { fieldOf } from '../thrown.ts'

/** A function of the application that has not settled after this time, in milliseconds, is reported. */
export const OVERDUE_MS = 5_000

/** At most this many calls are listed in the status. */
const MOST_CALLS = 1_000
/** Keeps a message short, in characters. */
const NAME_LENGTH = 100

/** A call of a function of the application whose promise has not settled for more than 5 seconds. */
export interface UnsettledCall {
  /** The function: `A watch handler (resizePool)`, `A build of pool`, … */
  readonly name: string
  /** How long the call has been running, in milliseconds. */
  readonly forMs: number
}

/** Follows calls of functions of the application, so that one that never settles is reported once and shown until it does. */
export class PendingCalls {
  readonly #clock: Clock
  readonly #timers = new Set<unknown>()
  readonly #overdue = new Set<{ readonly name: string; readonly startedAt: number }>()
  #isClosed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `onOverdue` if `work` has not settled after `OVERDUE_MS`. A rejection of `work` is ignored. */
  follow(name: string, work: Promise<unknown>, onOverdue: () => void): void {
    if (this.#isClosed) return
    const call = { name, startedAt: this.#clock.now() }
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer)
      if (this.#overdue.size < MOST_CALLS) this.#overdue.add(call)
      onOverdue()
    }, OVERDUE_MS)
    // A process that has nothing else to do need not wait for the report.
    const unref = fieldOf(timer, 'unref')
    if (typeof unref === 'function') unref.call(timer)
    this.#timers.add(timer)
    const end = () => {
      this.#clock.clearTimeout(timer)
      this.#timers.delete(timer)
      this.#overdue.delete(call)
    }
    work.then(end, end)
  }

  /** The overdue calls, the oldest report first. */
  list(): readonly UnsettledCall[] {
    const now = this.#clock.now()
    return [...this.#overdue].map(({ name, startedAt }) =>
      Object.freeze({ name, forMs: Math.max(now - startedAt, 0) }),
    )
  }

  /** Reports nothing any more. */
  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers) this.#clock.clearTimeout(timer)
    this.#timers.clear()
  }
}

/** Adds the name of a user's function, if it has one: `A watch handler (resizePool)`. */
export function withNameOf(what: string, called: unknown): string {
  const name = fieldOf(called, 'name')
  return typeof name === 'string' && name !== '' ? `${what} (${shortText(name, NAME_LENGTH)})` : what
}

/** Creates the error for a call of a user's function that has not settled. @param consequence a sentence */
export function notSettled(name: string, consequence: string): LivetreeError {
  return new LivetreeError('not_settled', `${name} has not settled after ${OVERDUE_MS} ms. ${consequence}`)
}
