import { EtcdError, type EtcdErrorCode, isFinalError } from '@livetree/etcd'

/** How a request is repeated. */
export interface RepeatOptions {
  /** Ends the repetition: its reason is thrown. A request in progress is awaited first. */
  readonly signal: AbortSignal
  /** Repeat after every error that is not final. Default: only where the cluster cannot be reached, or no answer came. */
  readonly isPatient?: boolean
  /** Called for every failed attempt. */
  readonly onError?: (error: unknown) => void
}

const LEAST_PAUSE_MS = 25
const LONGEST_PAUSE_MS = 1_000

/** True if the request may have been applied although it failed. */
export function mayBeApplied(error: unknown): boolean {
  return !(error instanceof EtcdError) || error.fate === 'unknown'
}

/**
 * Sends a request until it is answered. Every request has to be safe to repeat: because it is guarded by a revision,
 * or because it writes a key whose name only this process can have.
 */
export async function sendAgain<R>(send: () => Promise<R>, options: RepeatOptions): Promise<R> {
  const { signal, isPatient = false, onError } = options
  for (let attempt = 0; ; attempt += 1) {
    signal.throwIfAborted()
    try {
      return await send()
    } catch (error) {
      onError?.(error)
      signal.throwIfAborted()
      if (!isWorthRepeating(error, isPatient)) throw error
    }
    await pause(pauseMs(attempt), signal)
  }
}

function isWorthRepeating(error: unknown, isPatient: boolean): boolean {
  if (!(error instanceof EtcdError) || isFinalError(error)) return false
  return TRANSIENT.has(error.code) || (isPatient && !USELESS.has(error.code))
}

/** The cluster cannot be reached or cannot serve at the moment, or no answer came. */
const TRANSIENT: ReadonlySet<string> = new Set<EtcdErrorCode>([
  'connect_failed',
  'connection_lost',
  'discovery_failed',
  'deadline_exceeded',
  'no_leader',
  'outcome_unknown',
  'too_many_requests',
  'unavailable',
])

/** The same request fails in the same way, however often it is sent. */
const USELESS: ReadonlySet<string> = new Set<EtcdErrorCode>([
  'cluster_changed',
  'compacted',
  'duplicate_key',
  'lease_not_found',
  'request_too_large',
  'response_too_large',
  'unimplemented',
])

/** Milliseconds before the next attempt, with jitter. */
export function pauseMs(attempt: number): number {
  const most = Math.min(LONGEST_PAUSE_MS, LEAST_PAUSE_MS * 2 ** Math.min(attempt, 10))
  return most * (0.5 + Math.random() / 2)
}

/** Waits; rejects with the signal's reason when it aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
