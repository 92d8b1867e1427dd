/** Takes the first of `items`, or as many of them together as it likes, and says how many. 0: ask again. Must not throw. */
export type Take<Item> = (items: readonly Item[]) => number

/** A backlog that lasts for fewer slices is nobody's concern. */
const PATIENT_SLICES = 8
const MOST_TOGETHER = 1_024

/**
 * Takes items in order. Prompt items are taken at once, one by one. Others are too, in the caller's tick, until those
 * of one tick have used up `sliceMs`: then the rest waits for the event loop to turn, so that a burst does not keep
 * others from running. While it waits longer and longer, more and more may be taken together. Prompt items go before
 * those that wait; within each kind, order is kept.
 */
export class UpdateQueue<Item> {
  readonly #take: Take<Item>
  readonly #sliceMs: number
  readonly #waiters: { readonly until: number; readonly resolve: () => void }[] = []
  #prompt: Item[] = []
  #items: Item[] = []
  #next = 0
  /** How many turns of the event loop in a row have found items waiting. */
  #lateSlices = 0
  /** Of all that were not prompt, ever; for those who wait. */
  #takenCount = 0
  #isTaking = false
  #sliceStart: number | undefined = undefined
  #isClosed = false

  constructor(take: Take<Item>, sliceMs: number) {
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
      if (this.#prompt.length > 0) this.#take([this.#prompt.shift()!])
      else if (this.length > 0 && this.#hasTime()) this.#takeNext()
      else break
    }
    this.#isTaking = false
    if (this.length > 0) return
    this.#items = []
    this.#next = 0
    this.#lateSlices = 0
  }

  #takeNext(): void {
    const waiting = this.#items.slice(this.#next, this.#next + this.#most)
    const count = this.#take(waiting)
    this.#next += count
    this.#takenCount += count
    while (this.#waiters.length > 0 && this.#waiters[0]!.until <= this.#takenCount) {
      this.#waiters.shift()!.resolve()
    }
  }

  /** How many may be taken together. */
  get #most(): number {
    return Math.min(2 ** Math.max(this.#lateSlices - PATIENT_SLICES, 0), MOST_TOGETHER)
  }

  /** Whether the slice of this tick is not used up; begins one where there is none. */
  #hasTime(): boolean {
    if (this.#sliceStart !== undefined) return performance.now() - this.#sliceStart < this.#sliceMs
    this.#sliceStart = performance.now()
    setImmediate(() => {
      this.#sliceStart = undefined
      if (this.length === 0) return
      this.#lateSlices++
      this.#run()
    })
    return true
  }
}
