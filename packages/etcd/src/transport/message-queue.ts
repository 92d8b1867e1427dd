/** Messages on their way out: pushed at any time, read by one reader, ended once. */
export class MessageQueue implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  #waiting: Uint8Array[] = []
  #reader: ((result: IteratorResult<Uint8Array>) => void) | undefined
  #isEnded = false

  /** After `end` it does nothing. */
  push(message: Uint8Array): void {
    if (this.#isEnded) return
    const reader = this.#reader
    this.#reader = undefined
    if (reader === undefined) this.#waiting.push(message)
    else reader({ done: false, value: message })
  }

  /** What was pushed before is still read. */
  end(): void {
    this.#isEnded = true
    this.#reader?.({ done: true, value: undefined })
    this.#reader = undefined
  }

  /** Ends at once; what was not read is dropped. */
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
