import type { Clock } from '@livetree/core/source'

/** A time during which something is not done again, by a clock that may be set: set back, it counts from there. */
export class Rest {
  readonly #clock: Pick<Clock, 'now'>
  #since = 0
  #ms = 0

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** How much of it is left, in milliseconds. */
  leftMs(): number {
    const now = this.#clock.now()
    if (now < this.#since) this.#since = now
    return Math.max(this.#ms - (now - this.#since), 0)
  }

  /** Begins it now, in the place of what is left. */
  begin(ms: number): void {
    this.#since = this.#clock.now()
    this.#ms = ms
  }

  end(): void {
    this.#ms = 0
  }
}
