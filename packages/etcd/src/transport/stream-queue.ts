import type { EtcdError } from '../errors.ts'

/** A call that waits for a stream. */
interface Waiting {
  /** Hands it to the connection. */
  send(): void
  /** Its connection is gone; nothing of it was sent. */
  fail(error: EtcdError): void
}

/**
 * The calls of one connection, of which the peer takes only so many at a time. The others wait here, and not with undici,
 * which would keep what was given up until there is room, and connect again and again for its sake.
 */
export class StreamQueue {
  readonly #waiting = new Map<object, Waiting>()
  readonly #running = new Set<object>()
  /** Calls that the peer takes at a time; 0 while there is no connection. */
  #limit = 0
  #isDraining = false

  set limit(limit: number) {
    this.#limit = limit
    this.#drain()
  }

  /** Sends the owner's call now, or when there is room. */
  request(owner: object, call: Waiting): void {
    if (this.#waiting.size === 0 && this.#running.size < this.#limit) {
      this.#running.add(owner)
      call.send()
    } else this.#waiting.set(owner, call)
  }

  /** The owner's call is over, or given up before it had a stream: then true. */
  settle(owner: object): boolean {
    const isWithdrawn = this.#waiting.delete(owner)
    if (this.#running.delete(owner) && this.#waiting.size > 0 && !this.#isDraining) {
      this.#isDraining = true
      // Not before undici knows, too, that the call is over.
      queueMicrotask(() => {
        this.#isDraining = false
        this.#drain()
      })
    }
    return isWithdrawn
  }

  /** There is no connection any more: whatever waits fails. */
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
