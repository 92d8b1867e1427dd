import { EtcdError } from '@livetree/etcd'
import type { CallerWait } from './caller-wait.ts'
import { mayBeApplied } from './send-again.ts'

/** Codes of a write that ended before its answer. Other codes of an unknown fate say what to do about it. */
const ENDED_BEFORE: ReadonlySet<string> = new Set(['cancelled', 'closed', 'deadline_exceeded'])

/** What is known of a write that is sent once, or until it is answered: whether it may have been applied when it fails. */
export class WriteFate {
  readonly #what: string
  readonly #remedy: string | undefined
  #lost: unknown

  /** `what` names the write in the error, whose remedy is `remedy`. Default: that of `outcome_unknown`. */
  constructor(what: string, remedy?: string) {
    this.#what = what
    this.#remedy = remedy
  }

  /** The error of the first attempt that may have been applied; undefined if there was none. */
  get lost(): unknown {
    return this.#lost
  }

  /** Takes note of the error of an attempt. */
  readonly onError = (error: unknown): void => {
    if (mayBeApplied(error)) this.#lost ??= error
  }

  /**
   * Ends the write with its last error. Whatever that is, it says that nothing was written only if no attempt may have been
   * applied.
   *
   * @throws the error, or EtcdError `outcome_unknown` in its place
   */
  readonly refuse = (error: unknown): never => {
    if (this.#lost === undefined || this.#isKept(error)) throw error
    throw this.unknown(error)
  }

  /** The error of a write that was sent and may have been applied. */
  unknown(cause: unknown): EtcdError {
    const what = `${this.#what} was sent, and its answer was lost: it may have been applied`
    return new EtcdError('outcome_unknown', { what, cause, remedy: this.#remedy })
  }

  /** Makes one write that ends with the caller's wait, by the signal of the wait. */
  async send<R>(wait: CallerWait, write: (signal: AbortSignal) => Promise<R>): Promise<R> {
    const { signal } = wait
    signal.throwIfAborted()
    return await write(signal).catch((error: unknown) => {
      this.onError(error)
      return this.refuse(signal.aborted ? signal.reason : error)
    })
  }

  /** True for an error that says by itself that the write may have been applied, or comes from no request. */
  #isKept(error: unknown): boolean {
    if (error === this.#lost) return !(error instanceof EtcdError) || !ENDED_BEFORE.has(error.code)
    return error instanceof EtcdError && error.code === 'outcome_unknown'
  }
}
