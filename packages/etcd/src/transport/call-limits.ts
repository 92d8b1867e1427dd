import { type Clock, keepRunning } from '../clock.ts'
import { onAbort } from '../on-abort.ts'

/** Callbacks for the limits of a call. */
export interface LimitPorts {
  /** The time is over. Returns true for a call that waits for as long again. */
  onDeadline(): boolean
  onAbort(reason: unknown): void
}

/** Where a call is between its start and its end: it settles once. */
export type CallPhase =
  | { readonly type: 'unstarted' }
  /** `liftLimits` ends its time limit, and its wait for the signal. */
  | { readonly type: 'running'; readonly liftLimits: () => void }
  | { readonly type: 'settled' }

/** Starts the time limit of a call, if it has one, and listens to its signal. Returns a function that removes both. */
export function limitCall(
  clock: Clock,
  timeoutMs: number | undefined,
  signal: AbortSignal | undefined,
  ports: LimitPorts,
): () => void {
  const unlisten = signal && onAbort(signal, () => ports.onAbort(signal.reason))
  let timer: unknown
  const limit = (ms: number): void => {
    const onDeadline = (): void => {
      if (ports.onDeadline()) limit(ms)
    }
    timer = keepRunning(clock.setTimeout(onDeadline, ms))
  }
  if (timeoutMs !== undefined) limit(timeoutMs)
  return () => {
    if (timer !== undefined) clock.clearTimeout(timer)
    unlisten?.()
  }
}
