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
  readonly #waiting: { readonly owner: object; readonly bytes: number; send(): void }[] = []
  #bytes = 0

  /** Calls `send` now, or when enough of the earlier requests are over. At least one goes at a time, however large. */
  request(owner: object, bytes: number, send: () => void): void {
    if (bytes < SMALL_BYTES) send()
    else if (this.#waiting.length > 0 || (this.#bytes > 0 && this.#bytes + bytes > BUDGET_BYTES)) {
      this.#waiting.push({ owner, bytes, send })
    } else this.#admit(owner, bytes, send)
  }

  /** The owner's request is over. */
  settle(owner: object): void {
    const bytes = this.#held.get(owner)
    if (bytes === undefined) return
    this.#held.delete(owner)
    this.#bytes -= bytes
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#bytes > 0 && this.#bytes + next.bytes > BUDGET_BYTES) return
      this.#waiting.shift()
      this.#admit(next.owner, next.bytes, next.send)
    }
  }

  /** Sends whatever waits, without a bound: to a connection that is gone, where all of it fails at once. */
  flush(): void {
    for (const { send } of this.#waiting.splice(0)) send()
  }

  #admit(owner: object, bytes: number, send: () => void): void {
    this.#held.set(owner, bytes)
    this.#bytes += bytes
    send()
  }
}
