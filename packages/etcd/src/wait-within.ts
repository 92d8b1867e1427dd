import { type Clock, keepRunning } from './clock.ts'

/** What ends a wait besides the thing that is waited for. */
export interface WaitLimits {
  readonly clock: Clock
  /** Milliseconds; left out, there is no such limit. */
  readonly timeoutMs?: number | undefined
  readonly signals?: readonly (AbortSignal | undefined)[]
}

/**
 * Waits for a promise that others share and that has limits of its own, but no longer than the caller can: it then
 * resolves, and the caller looks at its own limits. Without a promise it waits for the limits alone. Rejects as the promise
 * does. Leaves no timer and no listener.
 */
export async function waitWithin(
  waiting: Promise<unknown> | undefined,
  { clock, timeoutMs, signals = [] }: WaitLimits,
): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const onOver = (): void => resolve()
  if (signals.some((each) => each?.aborted)) onOver()
  for (const each of signals) each?.addEventListener('abort', onOver)
  const timer = timeoutMs === undefined ? undefined : keepRunning(clock.setTimeout(onOver, timeoutMs))
  try {
    await (waiting === undefined ? over : Promise.race([waiting, over]))
  } finally {
    clock.clearTimeout(timer)
    for (const each of signals) each?.removeEventListener('abort', onOver)
  }
}
