/** What one evaluation may take: some 30 ms. Ordinary rules take a few dozen. */
export const MOST_STEPS = 250_000

/** An evaluation that takes fewer steps is not looked at for long texts. */
const FEW_STEPS = 1_000

/** Text that is read or built takes a step for every ten characters. */
const CHARACTERS_A_STEP = 10

/** To list the names of an object takes longer than to read a list. */
const STEPS_A_NAME = 5

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
  /** What may hold long texts, until that has been looked at. */
  #unseen: unknown

  /** Counts what an evaluation does. @throws StepsSpentError; what the evaluation throws */
  during<R>(texts: unknown, evaluate: () => R): R {
    const outer = [this.#left, this.#price, this.#unseen] as const
    this.#left = MOST_STEPS
    this.#price = 1
    this.#unseen = texts
    try {
      return evaluate()
    } finally {
      ;[this.#left, this.#price, this.#unseen] = outer
    }
  }

  /** Counts parts of a rule that are evaluated. @throws StepsSpentError */
  evaluateParts(parts: number): void {
    if (this.#unseen !== undefined && this.#left - parts < MOST_STEPS - FEW_STEPS) {
      const longest = longestText(this.#unseen)
      this.#unseen = undefined
      this.built(longest)
    }
    this.take(parts * this.#price)
  }

  /** Lists and texts are read from end to end, those in lists too. @throws StepsSpentError */
  read(value: unknown): void {
    // By a list that grows: values of a context are nested as deep as their sender likes.
    const lists: (readonly unknown[])[] = [[value]]
    for (let list = lists.pop(); list !== undefined; list = lists.pop()) {
      this.take(list.length)
      for (const each of list) {
        if (typeof each === 'string') this.take(each.length / CHARACTERS_A_STEP)
        else if (Array.isArray(each)) lists.push(each)
      }
    }
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

/** The length of the longest text in lists and plain objects. */
function longestText(value: unknown): number {
  const seen = new Set<unknown>([value])
  let longest = 0
  // The set grows while it is walked.
  for (const each of seen) {
    if (typeof each === 'string') longest = Math.max(longest, each.length)
    else if (Array.isArray(each)) for (const inner of each) seen.add(inner)
    else if (isPlain(each)) for (const inner of Object.values(each)) seen.add(inner)
  }
  return longest
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
