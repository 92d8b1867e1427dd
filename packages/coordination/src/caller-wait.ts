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

  /** `what` names the call in errors. */
  constructor(what: string, { timeoutMs, signal }: WaitOptions, ...endings: readonly Ending[]) {
    setMaxListeners(0, this.signal)
    for (const ending of endings) this.endWith(ending)
    if (signal !== undefined) this.#endBy(signal, what)
    if (timeoutMs !== undefined) this.#endAfter(timeoutMs, what)
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

  /** Resolves with the result of a step; rejects if the call ends first. That does not cancel the step. */
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

  #endBy(signal: AbortSignal, what: string): void {
    const onAbort = (): void => {
      this.#controller.abort(
        new CoordinationError('cancelled', {
          what: `${what} was cancelled by its signal`,
          cause: signal.reason,
        }),
      )
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    this.#cleanups.push(() => signal.removeEventListener('abort', onAbort))
  }

  #endAfter(timeoutMs: number, what: string): void {
    const timer = setTimeout(() => {
      const over = new CoordinationError('deadline_exceeded', {
        what: `${what} did not end within ${timeoutMs} ms`,
      })
      this.#controller.abort(over)
    }, timeoutMs)
    this.#cleanups.push(() => clearTimeout(timer))
  }
}
