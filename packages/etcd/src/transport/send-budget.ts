/** Total size of the requests in progress on one connection, in bytes. */
const BUDGET_BYTES = 3 * 1024 * 1024

/** A connection is worn out once it has lost this many bytes. */
const MOST_LOST_BYTES = 1.5 * 1024 * 1024

interface Held {
  readonly bytes: number
  /** It has a stream of the session, which holds its bytes until it is closed. */
  hasStream: boolean
}

/**
 * Limits what Node holds for one HTTP/2 session. Above 10 MB Node resets every call that is answered, and the outcome of a
 * write reset that way is unknown; neither Node nor undici allows to raise that limit. What a stream had still to send when it
 * was reset counts for as long as the session lives, so that the session has to be left in time. Seen with Node 24.21.
 */
export class SendBudget {
  readonly #held = new Map<object, Held>()
  readonly #waiting = new Map<object, { readonly bytes: number; send(): void }>()
  #bytes = 0
  #lostBytes = 0

  /** True once so much was lost that further calls should get another connection. */
  get isWornOut(): boolean {
    return this.#lostBytes > MOST_LOST_BYTES
  }

  /**
   * Calls `send` now, or once enough earlier requests are out of the way. At least one request is admitted, however
   * large.
   */
  request(owner: object, bytes: number, send: () => void): void {
    if (this.#waiting.size > 0 || !this.#hasRoom(bytes)) this.#waiting.set(owner, { bytes, send })
    else this.#admit(owner, bytes, send)
  }

  /** The owner's request has got a stream. */
  opened(owner: object): void {
    const held = this.#held.get(owner)
    if (held !== undefined) held.hasStream = true
  }

  /** The owner's stream is closed. */
  closed(owner: object, isAllSent: boolean): void {
    if (!isAllSent) this.#lostBytes += this.#held.get(owner)?.bytes ?? 0
    this.#free(owner)
  }

  /** The owner's call has ended. Returns true if it was withdrawn before it was sent. */
  settle(owner: object): boolean {
    if (this.#waiting.delete(owner)) return true
    if (this.#held.get(owner)?.hasStream === false) this.#free(owner)
    return false
  }

  /** Sends everything that waits, to a connection where all of it fails at once. */
  flush(): void {
    for (const [owner, { send }] of [...this.#waiting]) if (this.#waiting.delete(owner)) send()
  }

  #hasRoom(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= BUDGET_BYTES
  }

  #free(owner: object): void {
    const held = this.#held.get(owner)
    if (held === undefined) return
    this.#held.delete(owner)
    this.#bytes -= held.bytes
    if (this.isWornOut) return
    for (const [next, { bytes, send }] of this.#waiting) {
      if (!this.#hasRoom(bytes)) break
      this.#waiting.delete(next)
      this.#admit(next, bytes, send)
    }
  }

  #admit(owner: object, bytes: number, send: () => void): void {
    this.#held.set(owner, { bytes, hasStream: false })
    this.#bytes += bytes
    send()
  }
}
