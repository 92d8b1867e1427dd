import { readingSteps, STEPS_A_NAME } from './reading-steps.ts'

/** What one evaluation may take: some 30 ms. Ordinary rules take a few dozen. */
export const MOST_STEPS = 250_000

/** A part of a rule may read the longest text that there is: it takes one more step for every 1,000 characters of it. */
const CHARACTERS_A_PART = 1_000

/** An evaluation has taken more steps than it may. */
export class StepsSpentError extends Error {
  constructor() {
    super(`An evaluation may take ${MOST_STEPS} steps, not more`)
    this.name = 'StepsSpentError'
  }
}

/** Counts what one evaluation does, and ends it where that is too much. Outside of an evaluation it counts nothing. */
export class StepMeter {
  #left = Number.POSITIVE_INFINITY
  /** The steps that a part of a rule takes. */
  #price = 1

  /**
   * Counts what an evaluation does.
   *
   * @param longest the length of the longest text that it may read
   * @throws StepsSpentError; what the evaluation throws
   */
  during<R>(longest: number, evaluate: () => R): R {
    const outer = [this.#left, this.#price] as const
    this.#left = MOST_STEPS
    this.#price = 1
    this.built(longest)
    try {
      return evaluate()
    } finally {
      ;[this.#left, this.#price] = outer
    }
  }

  /** Counts parts of a rule that are evaluated. @throws StepsSpentError */
  evaluateParts(parts: number): void {
    this.take(parts * this.#price)
  }

  /** Lists and texts are read from end to end, those in lists too, and may be made a text. @throws StepsSpentError */
  read(value: unknown): void {
    this.take(readingSteps(value, this.#left))
  }

  /** The names of an object are listed. @throws StepsSpentError */
  listNames(value: unknown): void {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      this.take(Object.keys(value).length * STEPS_A_NAME)
  }

  /** A text of that length is there from now on. */
  built(length: number): void {
    this.#price = Math.max(this.#price, 1 + Math.floor(length / CHARACTERS_A_PART))
  }

  /** @throws StepsSpentError */
  take(steps: number): void {
    this.#left -= steps
    if (this.#left < 0) throw new StepsSpentError()
  }
}
