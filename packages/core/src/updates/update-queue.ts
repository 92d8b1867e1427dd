import { MOST_IN_A_ROW, TurnBudget } from '../turn-budget.ts'
import { Fifo } from './fifo.ts'

/** What a queue does with its items. */
export interface QueueConsumer<Item> {
  /** Takes one item. Must not throw. */
  take(item: Item): void
  /** Takes items as one: only the state after the last is served or refused. Must not throw. */
  takeAll(items: readonly Item[]): void
  /** The first of `items` that can be taken as one, if there are such. Must not throw. */
  batchOf(items: readonly Item[]): Batch | undefined
  /** Taking items pushes others without end: the rest waits for the event loop to turn. Must not throw. */
  loops?(): void
}

/** Items that may be taken as one. */
export interface Batch {
  /** How many items. */
  readonly size: number
  /** Takes all of them. Returns false, and leaves everything as it was, where they have to be taken one by one. Must not throw. */
  take(): boolean
}

/** Options of `UpdateQueue`. */
export interface QueueOptions {
  /** How long taking items may keep the event loop from turning, in milliseconds. */
  readonly sliceMs: number
  /** Keeps all items until `release`. Default false. */
  readonly isHeld?: boolean
}

/** A backlog that lasts for fewer slices is taken one by one. */
const PATIENT_SLICES = 8
/** Largest batch. */
const MOST_TOGETHER = 1_024

/**
 * Takes items in order. Prompt items are taken at once, one by one. Others are too, in the caller's tick, until those
 * of one tick have used up `sliceMs`: then the rest waits for the event loop to turn, so that a burst does not keep
 * others from running. The longer items wait, the larger the batches in which they are taken; the items of a batch that
 * fails are taken one by one. Prompt items go before those that wait; within each kind, order is kept.
 *
 * Prompt items that are pushed while others are taken wait for the event loop to turn after 100 in a row, so that none of it
 * goes on without end; meanwhile the others have their slice. Of those that wait, more than 100 are taken as one: where
 * each item pushes several, neither a turn nor the memory grows.
 */
export class UpdateQueue<Item> {
  readonly #consumer: QueueConsumer<Item>
  readonly #sliceMs: number
  readonly #waiters: { readonly until: number; readonly resolve: () => void }[] = []
  #held: { readonly item: Item; readonly isPrompt: boolean }[] | undefined
  #prompt = new Fifo<Item>()
  #items = new Fifo<Item>()
  /** How many turns of the event loop in a row have found items waiting. */
  #lateSlices = 0
  /** Items of a failed batch that are still to be taken one by one. */
  #singlesLeft = 0
  /** All items taken so far that were not prompt; for `settled`. */
  #takenCount = 0
  #isTaking = false
  #sliceStart: number | undefined = undefined
  #isClosed = false
  readonly #nested: TurnBudget
  /** Prompt items wait for the event loop to turn. */
  #isPaused = false

  constructor(consumer: QueueConsumer<Item>, options: QueueOptions) {
    this.#consumer = consumer
    this.#sliceMs = options.sliceMs
    this.#nested = new TurnBudget(() => consumer.loops?.())
    this.#held = options.isHeld === true ? [] : undefined
  }

  /** How many items wait that are not prompt. */
  get length(): number {
    return this.#items.length
  }

  /** An item pushed while another is being taken comes after it. */
  push(item: Item, isPrompt = false): void {
    if (this.#isClosed) return
    if (this.#held !== undefined) {
      this.#held.push({ item, isPrompt })
      return
    }
    // without slices, nothing else bounds the others
    const goesFirst = isPrompt || this.#sliceMs === Number.POSITIVE_INFINITY
    if (goesFirst) this.#prompt.push(item)
    else this.#items.push(item)
    if (!this.#isTaking) this.#run(goesFirst)
  }

  /** Runs `work` between two items: what is pushed meanwhile is taken after it. `work` may run while an item is taken. */
  between<R>(work: () => R): R {
    if (this.#isTaking) return work()
    const waiting = this.length
    this.#isTaking = true
    try {
      return work()
    } finally {
      this.#isTaking = false
      if (this.#prompt.length > 0 || this.length > waiting) this.#run()
    }
  }

  /** Takes what was held, as if each item were pushed now. */
  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const { item, isPrompt } of held) this.push(item, isPrompt)
  }

  /** Resolves when every item pushed before the call, and not held, has been taken. */
  settled(): Promise<void> {
    // Prompt items are taken before a promise can resolve, or in the next turn where they had to wait.
    const prompt = this.#isPaused ? new Promise<void>((resolve) => setImmediate(resolve)) : undefined
    const waiting = this.length
    if (waiting === 0) return prompt ?? Promise.resolve()
    const taken = new Promise<void>((resolve) =>
      this.#waiters.push({ until: this.#takenCount + waiting, resolve }),
    )
    return prompt === undefined ? taken : prompt.then(() => taken)
  }

  /** Drops what has not been taken. */
  close(): void {
    this.#isClosed = true
    this.#held = undefined
    this.#prompt = new Fifo()
    this.#items = new Fifo()
    for (const { resolve } of this.#waiters.splice(0)) resolve()
  }

  /**
   * @param isOwed the last prompt item was pushed from outside: all of them are taken now
   * @param hasWaited prompt items have had to wait for the event loop to turn
   */
  #run(isOwed = false, hasWaited = this.#isPaused): void {
    this.#isTaking = true
    const isCrowd = hasWaited && this.#prompt.length > MOST_IN_A_ROW
    if (isCrowd && (isOwed || this.#maySpend())) this.#consumer.takeAll(this.#prompt.take())
    let owed = isOwed && !isCrowd ? this.#prompt.length : 0
    for (;;) {
      if (this.#prompt.length > 0 && (owed > 0 || this.#maySpend())) {
        owed--
        for (const item of this.#prompt.take(1)) this.#consumer.take(item)
      } else if (this.length > 0 && this.#hasTime()) this.#takeNext()
      else break
    }
    this.#isTaking = false
    if (this.length === 0) this.#lateSlices = 0
  }

  /** Whether one more prompt item may be taken that another has pushed. If not, they wait. */
  #maySpend(): boolean {
    if (this.#isPaused) return false
    if (this.#nested.spend()) return true
    this.#isPaused = true
    this.#nested.afterTurn(() => {
      this.#isPaused = false
      this.#run(false, true)
    })
    return false
  }

  #takeNext(): void {
    const count = this.#takeBatch() || this.#takeFirst()
    this.#items.take(count)
    this.#takenCount += count
    while ((this.#waiters[0]?.until ?? Number.POSITIVE_INFINITY) <= this.#takenCount) {
      this.#waiters.shift()?.resolve()
    }
  }

  /** Returns how many items were taken together; 0 if none. */
  #takeBatch(): number {
    const most = Math.min(2 ** Math.max(this.#lateSlices - PATIENT_SLICES, 0), MOST_TOGETHER)
    if (most === 1 || this.#singlesLeft > 0) return 0
    const batch = this.#consumer.batchOf(this.#items.first(most))
    if (batch === undefined || batch.size < 2) return 0
    if (batch.take()) return batch.size
    this.#singlesLeft = batch.size
    return 0
  }

  #takeFirst(): 1 {
    if (this.#singlesLeft > 0) this.#singlesLeft--
    for (const item of this.#items.first(1)) this.#consumer.take(item)
    return 1
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
