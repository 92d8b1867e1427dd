/** Numbers that look random and are the same for the same seed. */
export class Random {
  readonly seed: number
  #state: number

  /** `seed`: a whole number; its lower 32 bits count. */
  constructor(seed: number) {
    this.seed = seed
    this.#state = seed >>> 0
  }

  /** From 0 up to, but without, 1. (mulberry32) */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  /** True in this share of the calls. */
  chance(share: number): boolean {
    return this.next() < share
  }

  /** One of them. Must not be empty. */
  pick<T>(from: readonly T[]): T {
    return from[this.between(0, from.length - 1)]!
  }

  /** All of them, in another order. */
  shuffle<T>(all: readonly T[]): T[] {
    const left = [...all]
    return all.map(() => left.splice(this.between(0, left.length - 1), 1)[0]!)
  }

  /** Another sequence, which depends only on what was drawn so far: two users of their own do not disturb each other. */
  fork(): Random {
    return new Random(this.between(0, 2 ** 32 - 1))
  }
}
