import { type Clock, keepRunning } from '../clock.ts'

/** Who ends a call from outside of it. */
export interface LimitPorts {
  onDeadline(): void
  onAbort(reason: unknown): void
}

/** The deadline of a call and the signal of its caller. Returns what lifts both, once the call has ended. */
export function limitCall(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  ports: LimitPorts,
): () => void {
  const onAbort = (): void => ports.onAbort(signal?.reason)
  signal?.addEventListener('abort', onAbort)
  const timer = keepRunning(clock.setTimeout(() => ports.onDeadline(), timeoutMs))
  return () => {
    clock.clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}
