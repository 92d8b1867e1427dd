import { type Clock, keepRunning } from './clock.ts'
import { onAbort } from './on-abort.ts'

/** What ends a wait early. */
export interface WaitLimits {
  readonly clock: Clock
  /** Milliseconds. Default: no limit. */
  readonly timeoutMs?: number | undefined
  readonly signals?: readonly (AbortSignal | undefined)[]
}

/**
 * Waits for a promise shared with others, at most as long as the caller can: when a limit ends the wait it
 * resolves, and the caller checks its own limits. Without a promise it waits for the limits only. Rejects if
 * the promise rejects. Leaves no timer and no listener behind.
 */
export async function waitWithin(
  waiting: Promise<unknown> | undefined,
  { clock, timeoutMs, signals = [] }: WaitLimits,
): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const onOver = (): void => resolve()
  if (signals.some((each) => each?.aborted)) onOver()
  const unlisten = signals.map((each) => each && onAbort(each, onOver))
  const timer = timeoutMs === undefined ? undefined : keepRunning(clock.setTimeout(onOver, timeoutMs))
  try {
    await (waiting === undefined ? over : Promise.race([waiting, over]))
  } finally {
    clock.clearTimeout(timer)
    for (const each of unlisten) each?.()
  }
}
