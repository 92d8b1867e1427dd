import type { Clock } from '../source/source.ts'

/** One use of an instance, which is not disposed until it is released or the drain time expires. */
export interface Borrowed<R> extends Disposable {
  readonly value: R
  /** Releases the instance. Idempotent; also called by `using`. */
  release(): void
}

/** A built value with the number of its borrowers. */
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

  /** Resolves with true when the last borrower has released it, with false if `drainMs` milliseconds pass first. */
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
