import type { Clock } from '../source/source.ts'

/** How old the fallback in service is, by a clock that may be set back. Times are in ms since the Unix epoch. */
export class FallbackAge {
  readonly #clock: Pick<Clock, 'now'>
  #readyAt = 0
  #provenAt: number | undefined = undefined

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** Loading has ended. `provenAt`: of the fallback. One in the future is of another clock, and says nothing of its age. */
  begin(provenAt: number | undefined): void {
    this.#readyAt = this.#clock.now()
    this.#provenAt = provenAt !== undefined && provenAt > this.#readyAt ? undefined : provenAt
  }

  /** When loading ended; moves with a clock that is set back, so that ages go on from there. */
  get readyAt(): number {
    this.#readyAt = Math.min(this.#readyAt, this.#clock.now())
    return this.#readyAt
  }

  /** When the fallback was proven; undefined if that is unknown. Moves as `readyAt` does. */
  get provenAt(): number | undefined {
    if (this.#provenAt !== undefined) this.#provenAt = Math.min(this.#provenAt, this.#clock.now())
    return this.#provenAt
  }
}
