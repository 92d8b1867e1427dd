import { EtcdError } from '../errors.ts'

/** Counts how often one write was sent, so that its error says so. */
export class Sendings {
  #times = 0

  add(): void {
    this.#times += 1
  }

  /** The last request was not sent after all. */
  remove(): void {
    this.#times -= 1
  }

  /** Adds to the error of the write that it was sent more than once. */
  explain<E>(error: E): E | EtcdError {
    if (!(error instanceof EtcdError) || this.#times < 2) return error
    return error.with({ what: `${error.what}; it was sent ${this.#times} times in all` })
  }
}
