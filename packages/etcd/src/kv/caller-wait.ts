import type { CallDeadline } from '../call-deadline.ts'
import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { waitWithin } from '../wait-within.ts'

/** What ends a wait on the caller's own code. */
export interface CallerWait {
  readonly clock: Clock
  readonly deadline: CallDeadline | undefined
  /** The caller's own. */
  readonly signal: AbortSignal | undefined
  /** Aborted when the client is closed. */
  readonly closing: AbortSignal
}

/**
 * Waits for what a call-back of the caller gave, and no longer than the call itself may take.
 *
 * @throws EtcdError `deadline_exceeded`, `cancelled`, `closed`; whatever the call-back's promise is rejected with
 */
export async function waitForCaller(given: unknown, limits: CallerWait): Promise<void> {
  const { clock, deadline, signal, closing } = limits
  let isDone = false
  const waiting = Promise.resolve(given).then(() => {
    isDone = true
  })
  const timeoutMs = deadline && Math.max(0, deadline.leftMs)
  await waitWithin(waiting, { clock, timeoutMs, signals: [signal, closing] })
  if (isDone) return
  // Whatever the call-back does later concerns nobody.
  waiting.catch(() => undefined)
  if (closing.aborted) throw new EtcdError('closed', { call: CALL })
  if (signal?.aborted) throw new EtcdError('cancelled', { call: CALL, cause: signal.reason })
  throw deadline?.over() ?? new EtcdError('cancelled', { call: CALL })
}

const CALL = 'KV/Range'
