import { AdminError } from '../errors.ts'

/** News that are waited for, until what brings them fails or the wait is aborted. */
export abstract class AwaitedNews {
  readonly #signal: AbortSignal | undefined
  readonly #onAbort: () => void
  #error: Error | undefined
  #wake: () => void = () => {}

  /** @param aborted what the error says of a wait that was aborted, such as `Aborted while watching the layers` */
  constructor(aborted: string, signal: AbortSignal | undefined) {
    this.#signal = signal
    this.#onAbort = () => this.fail(new AdminError('aborted', { what: aborted, cause: this.#signal?.reason }))
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted === true) this.#onAbort()
  }

  /** Something has come. */
  protected wake(): void {
    this.#wake()
  }

  /** The first error counts. */
  fail(error: Error): void {
    this.#error ??= error
    this.#wake()
  }

  /** Waits until there is something. What is there already is given before an error. @throws AdminError */
  protected async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) {
      if (this.#error !== undefined) throw this.#error
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  end(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}
