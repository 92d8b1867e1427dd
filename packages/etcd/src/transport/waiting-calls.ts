import { type Clock, keepRunning } from '../clock.ts'
import { outside } from '../outside.ts'

const DAY_MS = 24 * 60 * 60 * 1_000

/** Calls that wait for their turn, in their order. They keep the process running, as the streams do that they will have. */
export class WaitingCalls<Call> {
  readonly #clock: Clock
  readonly #calls = new Map<object, Call>()
  #timer: unknown

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#calls.size
  }

  has(owner: object): boolean {
    return this.#calls.has(owner)
  }

  add(owner: object, call: Call): void {
    this.#calls.set(owner, call)
    if (this.#calls.size === 1) this.#keepRunning()
  }

  /** Returns true if the owner's call waited. */
  delete(owner: object): boolean {
    const isDeleted = this.#calls.delete(owner)
    if (isDeleted && this.#calls.size === 0) this.#clock.clearTimeout(this.#timer)
    return isDeleted
  }

  [Symbol.iterator](): IterableIterator<[object, Call]> {
    return this.#calls.entries()
  }

  #keepRunning(): void {
    this.#timer = outside(() => keepRunning(this.#clock.setTimeout(() => this.#keepRunning(), DAY_MS)))
  }
}
