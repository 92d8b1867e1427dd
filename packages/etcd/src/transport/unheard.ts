import { type Clock, monotonicNow } from '../clock.ts'
import type { Connection } from './connection.ts'
import { PATIENCE_MS } from './endpoint.ts'

/** For how long a stream that sends requests has received nothing over its connection, from any call. */
export class Unheard {
  readonly #clock: Clock
  #activityCount = -1
  #since = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A request is sent. Returns true if something was received since the last call. */
  note(connection: Connection | undefined): boolean {
    const activityCount = connection?.activityCount ?? 0
    if (activityCount === this.#activityCount) return false
    this.#activityCount = activityCount
    this.#since = monotonicNow(this.#clock)
    return true
  }

  /** Milliseconds since the oldest request that may be unanswered. */
  get forMs(): number {
    return monotonicNow(this.#clock) - this.#since
  }

  /** True if nothing was received for a while since the oldest request that may be unanswered. */
  isLong(connection: Connection | undefined): boolean {
    return !this.note(connection) && this.forMs >= PATIENCE_MS
  }
}
