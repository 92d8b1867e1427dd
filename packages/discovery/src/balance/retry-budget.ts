/** How long a token lives. */
const LIFE_SECONDS = 10

/**
 * Limits retries to a share of the requests of the last ten seconds, and some per second besides, so that a failing service
 * is not sent a multiple of its load. Times are milliseconds of a monotonic clock.
 */
export class RetryBudget {
  readonly #earned = new Float64Array(LIFE_SECONDS)
  readonly #spent = new Float64Array(LIFE_SECONDS)
  #second = 0

  /** A request was begun. */
  earn(share: number, now: number): void {
    const slot = this.#slotAt(now)
    this.#earned[slot] = (this.#earned[slot] ?? 0) + share
  }

  /** Takes a token for a retry. Returns whether there was one. */
  spend(perSecond: number, now: number): boolean {
    const slot = this.#slotAt(now)
    const left = sum(this.#earned) + perSecond * LIFE_SECONDS - sum(this.#spent)
    if (left < 1) return false
    this.#spent[slot] = (this.#spent[slot] ?? 0) + 1
    return true
  }

  #slotAt(now: number): number {
    const second = Math.floor(now / 1_000)
    const passed = Math.min(LIFE_SECONDS, Math.max(0, second - this.#second))
    for (let step = 1; step <= passed; step += 1) {
      const slot = (this.#second + step) % LIFE_SECONDS
      this.#earned[slot] = 0
      this.#spent[slot] = 0
    }
    this.#second = Math.max(this.#second, second)
    // Far in the past means that every slot was cleared above.
    return this.#second % LIFE_SECONDS
  }
}

function sum(values: Float64Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}
