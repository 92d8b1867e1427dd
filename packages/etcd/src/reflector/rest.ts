import { type Clock, keepRunning } from '../clock.ts'

/** Default of `ReflectorOptions.finalRestMs`. */
export const FINAL_REST_MS = 30_000

/** A pause between two attempts, which can be ended early. */
export class Rest {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #end: () => void = () => undefined

  /** An abort ends each pause, too. */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
  }

  /** Resolves after `ms` milliseconds, or when the pause is ended. */
  take(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const end = () => {
      this.#end = () => undefined
      this.#clock.clearTimeout(timer)
      this.#signal.removeEventListener('abort', end)
      resolve()
    }
    this.#end = end
    const timer = keepRunning(this.#clock.setTimeout(end, ms))
    this.#signal.addEventListener('abort', end, { once: true })
    return promise
  }

  /** Ends the pause, if there is one. */
  end(): void {
    this.#end()
  }
}
