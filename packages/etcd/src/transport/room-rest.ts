import type { Clock } from '../clock.ts'
import { outside } from '../outside.ts'

/** The rest lasts this part of the time that the call had waited for its answer. */
const REST_SHARE = 4
/** Longest rest, in milliseconds: the calls that wait for room may be answered at once. */
const LONGEST_MS = 500

/**
 * Keeps the room of calls that were given up empty for a while: each call's own, and nobody else's. Calls that began together end
 * together: otherwise each of them would be sent with the room that the one before has left, a moment before it is given up as
 * well, and its outcome would be unknown.
 */
export class RoomRest {
  readonly #clock: Clock
  /** Calls that were given up and have not ended, each with the time it had waited, in milliseconds. */
  readonly #givenUp = new Map<object, number>()
  readonly #timers = new Set<unknown>()
  #isStopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Number of calls that have ended and whose room is empty. */
  get size(): number {
    return this.#timers.size
  }

  /** The owner's call is given up after `waitedMs` milliseconds without an answer. */
  begin(owner: object, waitedMs: number): void {
    this.#givenUp.set(owner, waitedMs)
  }

  /** The owner's call has ended. Calls `free` after the rest; at once if the call was not given up. */
  end(owner: object, free: () => void): void {
    const waitedMs = this.#givenUp.get(owner)
    this.#givenUp.delete(owner)
    if (waitedMs === undefined || this.#isStopped) {
      free()
      return
    }
    const onOver = (): void => {
      this.#timers.delete(timer)
      free()
    }
    const restMs = Math.min(waitedMs / REST_SHARE, LONGEST_MS)
    const timer = outside(() => this.#clock.setTimeout(onOver, restMs))
    this.#timers.add(timer)
  }

  /** The connection has ended. */
  stop(): void {
    this.#isStopped = true
    for (const timer of this.#timers) this.#clock.clearTimeout(timer)
    this.#timers.clear()
  }
}
