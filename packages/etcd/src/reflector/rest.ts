import { type Clock, keepRunning } from '../clock.ts'
import { backoffMs } from '../transport/backoff.ts'

/** Default of `ReflectorOptions.finalRestMs`. */
const FINAL_REST_MS = 30_000
/** The first rest after such an error, in milliseconds. */
const FIRST_REST_MS = 1_000

/**
 * Milliseconds until the next attempt after an error that somebody has to mend, after `failures` in a row. A permission may be
 * given again in a moment, so that the first rests are short; `isCostly`: the next attempt reads as much as the last one.
 */
export function finalRestMs(failures: number, isCostly: boolean, maxMs = FINAL_REST_MS): number {
  return isCostly ? maxMs : backoffMs({ minMs: FIRST_REST_MS, maxMs, factor: 2, jitter: 0.5 }, failures)
}

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
