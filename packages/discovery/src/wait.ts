import type { Clock } from '@livetree/etcd'
import { DiscoveryError } from './errors.ts'

/** The error of a call whose signal was aborted. `remedy` says what goes on all the same. */
export function cancelled(what: string, signal: AbortSignal, remedy?: string): DiscoveryError {
  const details = remedy === undefined ? {} : { remedy }
  return new DiscoveryError('cancelled', `${what} was cancelled`, { cause: signal.reason, ...details })
}

/** Waits, or until the signal is aborted; never rejects. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = () => {
      clock.clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = clock.setTimeout(end, ms)
    signal?.addEventListener('abort', end)
  })
}

/** Waits like `pause`, and keeps the process running meanwhile: somebody is waiting for it. */
export async function pauseRunning(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  const held = setInterval(() => undefined, 2 ** 30)
  try {
    await pause(clock, ms, signal)
  } finally {
    clearInterval(held)
  }
}

/** The outcome of `within`. */
export type Outcome<T> = { readonly type: 'done'; readonly value: T } | { readonly type: 'late' | 'aborted' }

/** Waits for a promise, at most `ms`, or until the signal is aborted. Rejects if the promise does. */
export async function within<T>(
  clock: Clock,
  ms: number,
  promise: Promise<T>,
  signal?: AbortSignal,
): Promise<Outcome<T>> {
  const stop = new AbortController()
  const forward = () => stop.abort()
  signal?.addEventListener('abort', forward)
  if (signal?.aborted) stop.abort()
  try {
    const late = pauseRunning(clock, ms, stop.signal).then(
      () => ({ type: signal?.aborted ? 'aborted' : 'late' }) as const,
    )
    return await Promise.race([promise.then((value) => ({ type: 'done', value }) as const), late])
  } finally {
    signal?.removeEventListener('abort', forward)
    stop.abort()
  }
}
