import { type Clock, keepRunning } from '../clock.ts'
import { onAbort } from '../on-abort.ts'

/** Callbacks for the limits of a call. */
export interface LimitPorts {
  onDeadline(): void
  onAbort(reason: unknown): void
}

/** Starts the time limit of a call and listens to its signal. Returns a function that removes both. */
export function limitCall(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  ports: LimitPorts,
): () => void {
  const unlisten = signal && onAbort(signal, () => ports.onAbort(signal.reason))
  const timer = keepRunning(clock.setTimeout(() => ports.onDeadline(), timeoutMs))
  return () => {
    clock.clearTimeout(timer)
    unlisten?.()
  }
}
