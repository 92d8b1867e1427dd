import { type Clock, monotonicNow } from './clock.ts'
import { EtcdError } from './errors.ts'

/** For calls of a service that was made without a client's timeouts. */
export const DEFAULT_CALL_MS = 10_000

/** The one time limit of a call that is made of several requests: each gets what is left. A clock that is set changes nothing. */
export class CallDeadline {
  readonly #clock: Clock
  readonly #call: string
  readonly #timeoutMs: number
  readonly #startedAt: number

  /** Begins now. `call` is named where no time is left. */
  constructor(clock: Clock, call: string, timeoutMs: number) {
    this.#clock = clock
    this.#call = call
    this.#timeoutMs = timeoutMs
    this.#startedAt = monotonicNow(clock)
  }

  /** One of its own length for what has to be done after it, from now on. */
  another(timeoutMs: number): CallDeadline {
    return new CallDeadline(this.#clock, this.#call, timeoutMs)
  }

  /** Milliseconds; may be negative. */
  get leftMs(): number {
    return this.#timeoutMs - (monotonicNow(this.#clock) - this.#startedAt)
  }

  /**
   * Sends one request within the time that is left.
   *
   * @throws EtcdError `deadline_exceeded` when there is none
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

  /** The error once no time is left. `last` is what the attempt before failed with. */
  over(last?: EtcdError): EtcdError {
    const before = last === undefined ? '' : `; the attempt before failed: ${last.what}`
    const what = `no time was left of ${this.#timeoutMs} ms for the next request${before}`
    const fate = last?.fate ?? 'not_sent'
    return new EtcdError('deadline_exceeded', { call: this.#call, what, fate, cause: last })
  }
}
