import type { Clock } from '../clock.ts'

/** Node's timers take no more: what is longer fires at once. */
const longestMs = 2 ** 31 - 1

/** A timer for any time, such as that of a lease of months. */
export class LongTimer {
  readonly #clock: Clock
  readonly #run: () => void
  #timer: unknown

  constructor(clock: Clock, ms: number, run: () => void) {
    this.#clock = clock
    this.#run = run
    this.#wait(ms)
  }

  clear(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  #wait(ms: number): void {
    const now = Math.min(ms, longestMs)
    this.#timer = this.#clock.setTimeout(() => (ms > now ? this.#wait(ms - now) : this.#run()), now)
  }
}
