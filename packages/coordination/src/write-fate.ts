import { EtcdError } from '@livetree/etcd'
import { CoordinationError } from './errors.ts'

/** What is known of a write that is sent until it is answered, unless what it hangs on is over before. */
export class WriteFate {
  readonly #what: string
  #lost: unknown

  /** `what` names the write in the error. */
  constructor(what: string) {
    this.#what = what
  }

  /** The error of an attempt that may have been applied; undefined if there was none. */
  get lost(): unknown {
    return this.#lost
  }

  /** Records an attempt that may have been applied. */
  readonly onLost = (error: unknown): void => {
    this.#lost = error
  }

  /**
   * Ends the write with its error: why its key or its session has ended says that nothing was written only if no attempt may
   * have been applied.
   *
   * @throws the error, or EtcdError `outcome_unknown` in its place
   */
  readonly refuse = (error: unknown): never => {
    const isEnd = error instanceof CoordinationError
    if (this.#lost === undefined || !isEnd || error.code === 'session_lost') throw error
    const what = `${this.#what} was sent, and no answer came before its end: it may have been applied`
    throw new EtcdError('outcome_unknown', { what, cause: error })
  }
}
