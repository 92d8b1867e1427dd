import { isLivetreeError, LivetreeError } from './errors.ts'
import type { Clock } from './source/source.ts'

export interface DeadlineOptions {
  readonly clock: Clock
  /** Undefined: no limit. */
  readonly timeoutMs: number | undefined
  /** Any of them ends the waiting. */
  readonly signals: readonly (AbortSignal | undefined)[]
  /** Begins the message: `Waiting for a change`. */
  readonly what: string
}

/**
 * Gives `work` a signal and waits for it until time is up or a signal fires; then fires the one given to `work`, and
 * waits no longer. Leaves no timer and no listener.
 *
 * @throws LivetreeError `timeout` or `aborted`, or the signal's reason where that is one; whatever `work` throws
 */
export async function withDeadline<R>(
  work: (signal: AbortSignal) => Promise<R>,
  options: DeadlineOptions,
): Promise<R> {
  const { clock, timeoutMs, what } = options
  const signals = options.signals.filter((signal) => signal !== undefined)
  // before anything is made that would be left behind
  const fired = signals.find((signal) => signal.aborted)
  if (fired !== undefined) throw abortedError(what, fired)
  const inner = new AbortController()
  let timer: unknown
  const cut = new Promise<never>((_, reject) => {
    inner.signal.addEventListener('abort', () => reject(inner.signal.reason), { once: true })
  })
  cut.catch(() => {})
  const onAbort = (event: Event) => inner.abort(abortedError(what, event.target as AbortSignal))
  for (const signal of signals) signal.addEventListener('abort', onAbort, { once: true })
  if (timeoutMs !== undefined && Number.isFinite(timeoutMs)) {
    timer = clock.setTimeout(
      () => inner.abort(new LivetreeError('timeout', `${what} took longer than ${timeoutMs} ms.`)),
      timeoutMs,
    )
  }
  try {
    return await Promise.race([work(inner.signal), cut])
  } finally {
    clock.clearTimeout(timer)
    for (const signal of signals) signal.removeEventListener('abort', onAbort)
  }
}

function abortedError(what: string, signal: AbortSignal): LivetreeError {
  const reason: unknown = signal.reason
  if (isLivetreeError(reason)) return reason
  return new LivetreeError('aborted', `${what} was aborted by its signal.`, { cause: reason })
}
