import type { Clock } from '../clock.ts'
import { outside } from '../outside.ts'

/** Calls that wait for room at a connection. */
export interface RoomQueue {
  /** Room that calls leave stays empty until `resume`. */
  pause(): void
  /** Gives the calls that wait the room there is. */
  resume(): void
}

/** The pause lasts this part of the time that the call had waited for its answer. */
const PAUSE_SHARE = 4
/** Longest pause, in milliseconds: the calls that wait for room may be answered at once. */
const LONGEST_MS = 500

/**
 * Withholds the room of a call that was given up. Calls that began together end together: otherwise each of them would be
 * sent with the room that the one before has left, a moment before it is given up as well, and its outcome would be unknown.
 */
export class RoomPause {
  readonly #clock: Clock
  readonly #queues: readonly RoomQueue[]
  #timer: unknown
  #isStopped = false

  constructor(clock: Clock, queues: readonly RoomQueue[]) {
    this.#clock = clock
    this.#queues = queues
  }

  /** True while room stays empty. */
  get isOn(): boolean {
    return this.#timer !== undefined
  }

  /** A call was given up after `waitedMs` milliseconds without an answer. A pause that has begun is not extended. */
  begin(waitedMs: number): void {
    if (this.isOn || this.#isStopped) return
    for (const queue of this.#queues) queue.pause()
    const onOver = (): void => {
      this.#timer = undefined
      for (const queue of this.#queues) queue.resume()
    }
    const pauseMs = Math.min(waitedMs / PAUSE_SHARE, LONGEST_MS)
    this.#timer = outside(() => this.#clock.setTimeout(onOver, pauseMs))
  }

  /** The connection has ended. */
  stop(): void {
    this.#isStopped = true
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
