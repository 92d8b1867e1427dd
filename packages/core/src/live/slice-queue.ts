/**
 * Takes items one at a time, in order. Prompt items are taken at once. Others are too, in the caller's tick, until those
 * of one tick have used up `sliceMs`: then the rest waits for the event loop to turn, so that a burst does not keep
 * others from running. Prompt items go before those that wait; within each kind, order is kept.
 */
export class SliceQueue<Item> {
  readonly #take: (item: Item) => void
  readonly #sliceMs: number
  readonly #waiters: { readonly until: number; readonly resolve: () => void }[] = []
  #prompt: Item[] = []
  #items: Item[] = []
  #next = 0
  /** Of all that were not prompt, ever; for those who wait. */
  #takenCount = 0
  #isTaking = false
  #sliceStart: number | undefined = undefined
  #isClosed = false

  /** @param take must not throw */
  constructor(take: (item: Item) => void, sliceMs: number) {
    this.#take = take
    this.#sliceMs = sliceMs
  }

  /** How many wait. */
  get length(): number {
    return this.#items.length - this.#next
  }

  /** An item pushed while another is being taken comes after it. */
  push(item: Item, isPrompt = false): void {
    if (this.#isClosed) return
    if (isPrompt) this.#prompt.push(item)
    else this.#items.push(item)
    if (!this.#isTaking) this.#run()
  }

  /** Resolves when every item pushed before the call has been taken. */
  settled(): Promise<void> {
    // prompt ones are taken before a promise can resolve
    const waiting = this.length
    if (waiting === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push({ until: this.#takenCount + waiting, resolve }))
  }

  /** Drops what has not been taken. */
  close(): void {
    this.#isClosed = true
    this.#prompt = []
    this.#items = []
    this.#next = 0
    for (const { resolve } of this.#waiters.splice(0)) resolve()
  }

  #run(): void {
    this.#isTaking = true
    for (;;) {
      if (this.#prompt.length > 0) this.#take(this.#prompt.shift()!)
      else if (this.length > 0 && this.#hasTime()) this.#takeNext()
      else break
    }
    this.#isTaking = false
    if (this.length > 0) return
    this.#items = []
    this.#next = 0
  }

  #takeNext(): void {
    this.#take(this.#items[this.#next++]!)
    this.#takenCount++
    while (this.#waiters.length > 0 && this.#waiters[0]!.until <= this.#takenCount) {
      this.#waiters.shift()!.resolve()
    }
  }

  /** Whether the slice of this tick is not used up; begins one where there is none. */
  #hasTime(): boolean {
    if (this.#sliceStart !== undefined) return performance.now() - this.#sliceStart < this.#sliceMs
    this.#sliceStart = performance.now()
    setImmediate(() => {
      this.#sliceStart = undefined
      if (this.length > 0) this.#run()
    })
    return true
  }
}
