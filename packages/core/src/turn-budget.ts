/** The most calls in a row that user code may cause of itself before the event loop turns. */
export const MOST_IN_A_ROW = 100

/**
 * Bounds what user code starts again from inside, such as a handler that changes what it listens to: without a bound no
 * timer and no I/O of the process would ever be served. Costs nothing until something is started again.
 */
export class TurnBudget {
  readonly #onSpent: () => void
  #count = 0

  /** @param onSpent called each time that a call has to wait. Must not throw. */
  constructor(onSpent: () => void = () => {}) {
    this.#onSpent = onSpent
  }

  /** Counts a call. Returns whether it may be made at once; if not, it is to be made by `afterTurn`. */
  spend(): boolean {
    // The count holds for one turn of the event loop.
    if (this.#count === 0)
      setImmediate(() => {
        this.#count = 0
      }).unref()
    if (this.#count < MOST_IN_A_ROW) {
      this.#count++
      return true
    }
    this.#onSpent()
    return false
  }

  /** Calls `run` when the event loop has turned. */
  afterTurn(run: () => void): void {
    setImmediate(run)
  }
}
