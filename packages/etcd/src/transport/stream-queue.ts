import type { Clock } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import { WaitingCalls } from './waiting-calls.ts'

/** A call that waits for a stream. */
export interface WaitingCall {
  /** Sends the call over the connection. */
  send(): void
  /** The connection is lost; no part of the call was sent. */
  fail(error: EtcdError): void
}

/**
 * Queues the calls of one connection beyond the peer's limit of concurrent ones. undici's own queue would
 * keep cancelled calls until there is capacity, and reconnect again and again because of them.
 */
export class StreamQueue {
  readonly #waiting: WaitingCalls<WaitingCall>
  readonly #running = new Set<object>()
  /** The peer's limit of concurrent calls; 0 while there is no connection. */
  #limit = 0
  #isDraining = false

  constructor(clock: Clock) {
    this.#waiting = new WaitingCalls(clock)
  }

  set limit(limit: number) {
    this.#limit = limit
    this.#drain()
  }

  /** Sends the owner's call now, or once there is capacity. */
  request(owner: object, call: WaitingCall): void {
    if (this.#waiting.size === 0 && this.#running.size < this.#limit) {
      this.#running.add(owner)
      call.send()
    } else this.#waiting.add(owner, call)
  }

  /** The owner's call has ended. Returns true if it was withdrawn before it had a stream. */
  settle(owner: object): boolean {
    const isWithdrawn = this.#waiting.delete(owner)
    if (this.#running.delete(owner) && this.#waiting.size > 0 && !this.#isDraining) {
      this.#isDraining = true
      // Deferred, so that undici knows that the call has ended.
      queueMicrotask(() => {
        this.#isDraining = false
        this.#drain()
      })
    }
    return isWithdrawn
  }

  /** Whether the owner's call waits for a stream. */
  isWaiting(owner: object): boolean {
    return this.#waiting.has(owner)
  }

  /** Whether there would be a stream if this number of calls did not run. */
  hasRoomWithout(calls: number): boolean {
    return this.#running.size - calls < this.#limit
  }

  /** The connection is lost: all waiting calls fail. */
  fail(error: EtcdError): void {
    this.#limit = 0
    for (const [owner, call] of [...this.#waiting]) {
      if (this.#waiting.delete(owner)) call.fail(error)
    }
  }

  #drain(): void {
    for (const [owner, call] of this.#waiting) {
      if (this.#running.size >= this.#limit) return
      this.#waiting.delete(owner)
      this.#running.add(owner)
      call.send()
    }
  }
}
