/**
 * Takes items one at a time, in order. Normally at once, in the caller's tick; when the items of one tick have used up
 * `sliceMs`, the rest waits for the event loop to turn, so that a burst does not keep others from running.
 */
export class SliceQueue<Item> {
  readonly #take: (item: Item) => void
  readonly #sliceMs: number
  readonly #waiters: { readonly until: number; readonly resolve: () => void }[] = []
  #items: Item[] = []
  #next = 0
  /** Of all items ever, for those who wait. */
  #takenCount = 0
  #isTaking = false
  #sliceStart: number | undefined = undefined
  #isClosed = false

  /** @param take must not throw */
  constructor(take: (item: Item) => void, sliceMs: number) {
    this.#take = take
    this.#sliceMs = sliceMs
  }

  get length(): number {
    return this.#items.length - this.#next
  }

  /** An item pushed while another is being taken comes after it. */
  push(item: Item): void {
    if (this.#isClosed) return
    this.#items.push(item)
    if (!this.#isTaking) this.#run()
  }

  /** Resolves when every item pushed before the call has been taken. */
  settled(): Promise<void> {
    const waiting = this.length
    if (waiting === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push({ until: this.#takenCount + waiting, resolve }))
  }

  /** Drops what has not been taken. */
  close(): void {
    this.#isClosed = true
    this.#items = []
    this.#next = 0
    for (const { resolve } of this.#waiters.splice(0)) resolve()
  }

  #run(): void {
    if (this.#sliceStart === undefined) {
      this.#sliceStart = performance.now()
      setImmediate(() => {
        this.#sliceStart = undefined
        if (this.length > 0) this.#run()
      })
    }
    this.#isTaking = true
    while (this.length > 0 && performance.now() - this.#sliceStart < this.#sliceMs) {
      this.#take(this.#items[this.#next++]!)
      this.#takenCount++
      while (this.#waiters.length > 0 && this.#waiters[0]!.until <= this.#takenCount) {
        this.#waiters.shift()!.resolve()
      }
    }
    this.#isTaking = false
    if (this.length === 0) {
      this.#items = []
      this.#next = 0
    }
  }
}
