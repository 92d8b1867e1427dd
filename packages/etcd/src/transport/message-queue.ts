/** Outgoing messages: pushed at any time, read by one reader, ended once. */
export class MessageQueue implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  #waiting: Uint8Array[] = []
  #reader: ((result: IteratorResult<Uint8Array>) => void) | undefined
  #isEnded = false

  /** Does nothing after `end`. */
  push(message: Uint8Array): void {
    if (this.#isEnded) return
    const reader = this.#reader
    this.#reader = undefined
    if (reader === undefined) this.#waiting.push(message)
    else reader({ done: false, value: message })
  }

  /** Ends the queue; messages pushed before are still read. */
  end(): void {
    this.#isEnded = true
    this.#reader?.({ done: true, value: undefined })
    this.#reader = undefined
  }

  /** Ends the queue at once and discards unread messages. */
  clear(): void {
    this.#waiting = []
    this.end()
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const value = this.#waiting.shift()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => {
      this.#reader = resolve
    })
  }

  return(): Promise<IteratorResult<Uint8Array>> {
    this.clear()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
