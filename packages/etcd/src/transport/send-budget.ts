/** Requests smaller than this, in bytes, are always sent at once. */
const SMALL_BYTES = 64 * 1024

/** Total size of large requests in progress on one connection, in bytes. */
const BUDGET_BYTES = 4 * 1024 * 1024

/**
 * Limits concurrent large requests. Node resets new calls on an HTTP/2 session that holds more than 10 MB, a
 * limit that neither Node nor undici allows to raise; the outcome of a write reset that way is unknown.
 */
export class SendBudget {
  readonly #held = new Map<object, number>()
  readonly #waiting = new Map<object, { readonly bytes: number; send(): void }>()
  #bytes = 0

  /**
   * Calls `send` now, or once enough earlier requests have ended. At least one request is admitted, however
   * large.
   */
  request(owner: object, bytes: number, send: () => void): void {
    if (bytes < SMALL_BYTES) send()
    else if (this.#waiting.size > 0 || (this.#bytes > 0 && this.#bytes + bytes > BUDGET_BYTES)) {
      this.#waiting.set(owner, { bytes, send })
    } else this.#admit(owner, bytes, send)
  }

  /** The owner's request has ended. Returns true if it was withdrawn before it was sent. */
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

  /** Sends everything that waits, to a lost connection where all of it fails at once. */
  flush(): void {
    for (const [owner, { send }] of [...this.#waiting]) if (this.#waiting.delete(owner)) send()
  }

  #admit(owner: object, bytes: number, send: () => void): void {
    this.#held.set(owner, bytes)
    this.#bytes += bytes
    send()
  }
}
