import type { Clock } from '../source/source.ts'

/** One use of an instance. While it is not released the instance is not disposed, up to the drain time. */
export interface Borrowed<R> extends Disposable {
  readonly value: R
  /** Gives it back; more than once does no harm. Also `using`. */
  release(): void
}

/** A built thing, and how many are using it. */
export class Instance<R> {
  readonly value: R
  #borrowedCount = 0
  #whenFree: (() => void) | undefined = undefined

  constructor(value: R) {
    this.value = value
  }

  get borrowedCount(): number {
    return this.#borrowedCount
  }

  borrow(): Borrowed<R> {
    this.#borrowedCount++
    let isReleased = false
    const release = () => {
      if (isReleased) return
      isReleased = true
      this.#borrowedCount--
      if (this.#borrowedCount === 0) this.#whenFree?.()
    }
    return { value: this.value, release, [Symbol.dispose]: release }
  }

  /** Resolves with true when nobody uses it any more, with false when `drainMs` have passed before. */
  drained(clock: Clock, drainMs: number): Promise<boolean> {
    if (this.#borrowedCount === 0) return Promise.resolve(true)
    return new Promise((resolve) => {
      const timer = Number.isFinite(drainMs) ? clock.setTimeout(() => resolve(false), drainMs) : undefined
      this.#whenFree = () => {
        clock.clearTimeout(timer)
        resolve(true)
      }
    })
  }
}
