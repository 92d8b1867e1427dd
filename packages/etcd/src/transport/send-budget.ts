/** Requests smaller than this are sent at once: they are too small to matter. */
const SMALL_BYTES = 64 * 1024

/** Bytes of large requests that may be under way on one connection. */
const BUDGET_BYTES = 4 * 1024 * 1024

/**
 * Spaces out large requests. Node resets new calls on an HTTP/2 session that holds more than 10 MB, which neither it nor
 * undici lets one raise; a write that is reset so may or may not have been applied.
 */
export class SendBudget {
  readonly #held = new Map<object, number>()
  readonly #waiting = new Map<object, { readonly bytes: number; send(): void }>()
  #bytes = 0

  /** Calls `send` now, or when enough of the earlier requests are over. At least one goes at a time, however large. */
  request(owner: object, bytes: number, send: () => void): void {
    if (bytes < SMALL_BYTES) send()
    else if (this.#waiting.size > 0 || (this.#bytes > 0 && this.#bytes + bytes > BUDGET_BYTES)) {
      this.#waiting.set(owner, { bytes, send })
    } else this.#admit(owner, bytes, send)
  }

  /** The owner's request is over, or given up before it was sent: then true. */
  settle(owner: object): boolean {
    if (this.#waiting.delete(owner)) return true
    const bytes = this.#held.get(owner)
    if (bytes === undefined) return false
    this.#held.delete(owner)
    this.#bytes -= bytes
    for (const [next, waiting] of this.#waiting) {
      if (this.#bytes > 0 && this.#bytes + waiting.bytes > BUDGET_BYTES) break
      this.#waiting.delete(next)
      this.#admit(next, waiting.bytes, waiting.send)
    }
    return false
  }

  /** Sends whatever waits, without a bound: to a connection that is gone, where all of it fails at once. */
  flush(): void {
    for (const [owner, { send }] of [...this.#waiting]) if (this.#waiting.delete(owner)) send()
  }

  #admit(owner: object, bytes: number, send: () => void): void {
    this.#held.set(owner, bytes)
    this.#bytes += bytes
    send()
  }
}
