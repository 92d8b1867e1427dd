import { isLivetreeError, LivetreeError } from './errors.ts'
import { onAbort } from './on-abort.ts'
import type { Clock } from './source/source.ts'

/** A time limit that is late by as much, in milliseconds, was held up by an event loop that was blocked. */
const BLOCKED_MS = 50

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
 * two cases it aborts the signal of `work` and rejects without waiting further. Leaves no timer and no listener. If the event
 * loop was blocked when the timeout expired, it waits for as long as that again, at most for the timeout.
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
  let clearLimit: (() => void) | undefined
  const cut = new Promise<never>((_, reject) => {
    inner.signal.addEventListener('abort', () => reject(inner.signal.reason), { once: true })
  })
  cut.catch(() => {})
  const removals = signals.map((signal) => onAbort(signal, () => inner.abort(abortedError(what, signal))))
  if (timeoutMs !== undefined && Number.isFinite(timeoutMs)) {
    clearLimit = limit(clock, timeoutMs, () =>
      inner.abort(new LivetreeError('timeout', `${what} took longer than ${timeoutMs} ms.`)),
    )
  }
  try {
    return await Promise.race([work(inner.signal), cut])
  } finally {
    clearLimit?.()
    for (const remove of removals) remove()
  }
}

/**
 * Calls `onOver` after `ms` milliseconds. If the event loop was blocked when they were over, nothing could arrive: it waits again for
 * the time that it was blocked, at most for `ms`. Returns how to clear it.
 */
function limit(clock: Clock, ms: number, onOver: () => void): () => void {
  const dueAt = performance.now() + ms
  let timer = clock.setTimeout(() => {
    const lateMs = performance.now() - dueAt
    if (lateMs < BLOCKED_MS) onOver()
    else timer = clock.setTimeout(onOver, Math.min(ms, lateMs))
  }, ms)
  return () => clock.clearTimeout(timer)
}

function abortedError(what: string, signal: AbortSignal): LivetreeError {
  const reason: unknown = signal.reason
  if (isLivetreeError(reason)) return reason
  return new LivetreeError('aborted', `${what} was aborted by its signal.`, { cause: reason })
}
