import type { Dispatcher } from 'undici'

/** Header fields as they were received. */
type RawFields = Exclude<Dispatcher.DispatchController['rawHeaders'], undefined>

/**
 * The one controller that the caller sees over all attempts. Each attempt has a connection with a controller of its own, and
 * pausing or aborting must reach the one that is running.
 */
export class RoutedController implements Dispatcher.DispatchController {
  readonly #onAbort: (reason: Error) => void
  #target: Dispatcher.DispatchController | undefined
  #isPaused = false
  #reason: Error | null = null

  constructor(onAbort: (reason: Error) => void) {
    this.#onAbort = onAbort
  }

  /** The controller of the attempt that is running. */
  set target(target: Dispatcher.DispatchController | undefined) {
    this.#target = target
    if (this.#isPaused) target?.pause()
  }

  get aborted(): boolean {
    return this.#reason !== null
  }

  get paused(): boolean {
    return this.#isPaused
  }

  get reason(): Error | null {
    return this.#reason
  }

  get rawHeaders(): RawFields {
    return this.#target?.rawHeaders ?? null
  }

  get rawTrailers(): RawFields {
    return this.#target?.rawTrailers ?? null
  }

  pause(): void {
    this.#isPaused = true
    this.#target?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#target?.resume()
  }

  abort(reason: Error): void {
    if (this.#reason !== null) return
    this.#reason = reason ?? new Error('The request was aborted')
    this.#onAbort(this.#reason)
  }
}
