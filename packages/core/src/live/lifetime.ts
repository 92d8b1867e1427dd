import { setMaxListeners } from 'node:events'
import { LivetreeError } from '../errors.ts'

/** From loading a configuration to closing it. */
export class Lifetime {
  readonly #name: string
  readonly #abort = new AbortController()
  #ending: Promise<void> | undefined = undefined

  /** @param name of the configuration, for errors */
  constructor(name: string) {
    this.#name = name
    setMaxListeners(0, this.#abort.signal)
  }

  /** Fires when the end begins. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get isOver(): boolean {
    return this.#ending !== undefined
  }

  /** @throws LivetreeError `closed` */
  assertOpen(): void {
    if (this.isOver) throw this.#closedError()
  }

  /** Fires the signal and shuts down, once: every call gets the same promise. Begins after this call has returned. */
  end(shutDown: () => Promise<void>): Promise<void> {
    this.#ending ??= Promise.resolve().then(() => {
      this.#abort.abort(this.#closedError())
      return shutDown()
    })
    return this.#ending
  }

  #closedError(): LivetreeError {
    return new LivetreeError(
      'closed',
      `Configuration "${this.#name}" is closed. Do not use it after close().`,
    )
  }
}
