import { setMaxListeners } from 'node:events'
import type { CallControl } from '@livetree/etcd'
import { CLUSTER_ID, FUNCTION, MILLISECONDS, type OptionChecks, SIGNAL } from './check-argument.ts'
import { CoordinationError } from './errors.ts'

/** Options of every call that waits. */
export interface WaitOptions {
  /** Milliseconds after which the call rejects with `deadline_exceeded`. Default: it waits without limit. */
  readonly timeoutMs?: number
  /** Rejects the call with `cancelled`; the error's cause is the reason of the signal. */
  readonly signal?: AbortSignal
}

/** The checks of `WaitOptions`. */
export const WAIT_CHECKS: OptionChecks<WaitOptions> = { timeoutMs: MILLISECONDS, signal: SIGNAL }

/** The checks of the client's `CallControl`. */
export const CALL_CHECKS: OptionChecks<CallControl> = {
  ...WAIT_CHECKS,
  onRetry: FUNCTION,
  clusterId: CLUSTER_ID,
}

/** A call that waits, as its errors describe it. */
export interface WaitingCall {
  /** Names the call. */
  readonly what: string
  /** Replace the remedies of the codes. */
  readonly remedies: { readonly cancelled?: string; readonly deadline_exceeded?: string }
}

/** The remedies of a write that ends before it was sent. What may have been sent ends with `WriteFate.refuse`. */
export const NOTHING_WRITTEN: WaitingCall['remedies'] = {
  cancelled: 'Nothing was written.',
  deadline_exceeded: 'Nothing was written: wait longer, or find out why etcd does not answer.',
}

/** Something that ends, such as a session: calls `onEnd` once, at once if it is over. Returns how to unsubscribe. */
export interface Ending {
  onEnd(run: (reason: Error) => void): () => void
}

/**
 * One call of a user that waits. It ends by its result, by the user's signal, by its time limit, or with one of the
 * things it depends on. Whichever is first decides; no listener and no timer is left.
 */
export class CallerWait implements Disposable {
  readonly #controller = new AbortController()
  readonly #cleanups: (() => void)[] = []

  /** `call` is what names the call in errors, if the remedies of the codes fit it. */
  constructor(call: string | WaitingCall, { timeoutMs, signal }: WaitOptions, ...endings: readonly Ending[]) {
    const named = typeof call === 'string' ? { what: call, remedies: {} } : call
    setMaxListeners(0, this.signal)
    for (const ending of endings) this.endWith(ending)
    if (signal !== undefined) this.#endBy(signal, named)
    if (timeoutMs !== undefined) this.#endAfter(timeoutMs, named)
  }

  /** Aborts when the call is to end without a result; its reason is the error. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Ends the call when `ending` ends. Returns a function that undoes this. */
  endWith(ending: Ending): () => void {
    const unsubscribe = ending.onEnd((reason) => this.#controller.abort(reason))
    this.#cleanups.push(unsubscribe)
    return unsubscribe
  }

  /**
   * Resolves with the result of a step; rejects if the call ends first. That does not cancel the step, so it has to end by
   * `signal` itself, or do nothing that the caller would have to know. A write of the caller is not raced but given
   * `signal`, because only its own end says whether it may have been applied: see `WriteFate`.
   */
  async race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this
    let onAbort: (() => void) | undefined
    const ended = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason)
      if (signal.aborted) onAbort()
      else signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      const result = await Promise.race([ended, work])
      signal.throwIfAborted()
      return result
    } finally {
      if (onAbort !== undefined) signal.removeEventListener('abort', onAbort)
    }
  }

  [Symbol.dispose](): void {
    for (const cleanup of this.#cleanups.splice(0)) cleanup()
  }

  #endBy(signal: AbortSignal, { what, remedies }: WaitingCall): void {
    const onAbort = (): void => {
      this.#controller.abort(
        new CoordinationError('cancelled', {
          what: `${what} was cancelled by its signal`,
          cause: signal.reason,
          remedy: remedies.cancelled,
        }),
      )
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    this.#cleanups.push(() => signal.removeEventListener('abort', onAbort))
  }

  #endAfter(timeoutMs: number, { what, remedies }: WaitingCall): void {
    const timer = setTimeout(() => {
      const over = new CoordinationError('deadline_exceeded', {
        what: `${what} did not end within ${timeoutMs} ms`,
        remedy: remedies.deadline_exceeded,
      })
      this.#controller.abort(over)
    }, timeoutMs)
    this.#cleanups.push(() => clearTimeout(timer))
  }
}
