import { isLivetreeError, LivetreeError } from './errors.ts'
import { onAbort } from './on-abort.ts'
import type { Clock } from './source/source.ts'

/** Options of `withDeadline`. */
export interface DeadlineOptions {
  readonly clock: Clock
  /** In milliseconds; undefined means no limit. */
  readonly timeoutMs: number | undefined
  /** Any of these signals ends the wait. */
  readonly signals: readonly (AbortSignal | undefined)[]
  /** Start of the error message, such as `Waiting for a change`. */
  readonly what: string
}

/**
 * Runs `work` with a signal and waits until it settles, the timeout expires or one of the signals aborts. In the latter
 * two cases it aborts the signal of `work` and rejects without waiting further. Leaves no timer and no listener.
 *
 * @throws LivetreeError `timeout` or `aborted`; the signal's reason if that is a `LivetreeError`; whatever `work` throws
 */
export async function withDeadline<R>(
  work: (signal: AbortSignal) => Promise<R>,
  options: DeadlineOptions,
): Promise<R> {
  const { clock, timeoutMs, what } = options
  const signals = options.signals.filter((signal) => signal !== undefined)
  // Checked before any timer or listener is created.
  const fired = signals.find((signal) => signal.aborted)
  if (fired !== undefined) throw abortedError(what, fired)
  const inner = new AbortController()
  let timer: unknown
  const cut = new Promise<never>((_, reject) => {
    inner.signal.addEventListener('abort', () => reject(inner.signal.reason), { once: true })
  })
  cut.catch(() => {})
  const removals = signals.map((signal) => onAbort(signal, () => inner.abort(abortedError(what, signal))))
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
    for (const remove of removals) remove()
  }
}

function abortedError(what: string, signal: AbortSignal): LivetreeError {
  const reason: unknown = signal.reason
  if (isLivetreeError(reason)) return reason
  return new LivetreeError('aborted', `${what} was aborted by its signal.`, { cause: reason })
}
