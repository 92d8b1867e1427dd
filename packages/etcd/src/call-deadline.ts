import { type Clock, monotonicNow } from './clock.ts'
import { EtcdError } from './errors.ts'

/** Time limit of a call when the service was created without the client's timeouts, in milliseconds. */
export const DEFAULT_CALL_MS = 10_000

/**
 * One time limit for a call that makes several requests: each request gets the remaining time. Uses the
 * monotonic clock.
 */
export class CallDeadline {
  readonly #clock: Clock
  readonly #call: string
  readonly #timeoutMs: number
  readonly #startedAt: number

  /** Starts now. `call` is the name used in errors. */
  constructor(clock: Clock, call: string, timeoutMs: number) {
    this.#clock = clock
    this.#call = call
    this.#timeoutMs = timeoutMs
    this.#startedAt = monotonicNow(clock)
  }

  /** A new deadline that starts now, for work that follows this call. */
  another(timeoutMs: number): CallDeadline {
    return new CallDeadline(this.#clock, this.#call, timeoutMs)
  }

  /** Remaining time in milliseconds; negative once it is over. */
  get leftMs(): number {
    return this.#timeoutMs - (monotonicNow(this.#clock) - this.#startedAt)
  }

  /**
   * Makes one request within the remaining time.
   *
   * @throws EtcdError `deadline_exceeded` when no time remains
   */
  async run<R>(ask: (timeoutMs: number) => Promise<R>): Promise<R> {
    const { leftMs } = this
    if (leftMs <= 0) throw this.over()
    try {
      return await ask(Math.max(1, Math.ceil(leftMs)))
    } catch (error) {
      const isRest =
        error instanceof EtcdError && error.code === 'deadline_exceeded' && leftMs < this.#timeoutMs
      throw isRest ? error.with({ what: `${error.what}, the rest of ${this.#timeoutMs} ms` }) : error
    }
  }

  /** The error for a call without remaining time. `last` is the error of the previous attempt. */
  over(last?: EtcdError): EtcdError {
    const before = last === undefined ? '' : `; the attempt before failed: ${last.what}`
    const what = `no time was left of ${this.#timeoutMs} ms for the next request${before}`
    const fate = last?.fate ?? 'not_sent'
    return new EtcdError('deadline_exceeded', { call: this.#call, what, fate, cause: last })
  }
}
