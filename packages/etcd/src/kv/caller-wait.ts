import type { CallDeadline } from '../call-deadline.ts'
import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { waitWithin } from '../wait-within.ts'

/** What ends the wait for a user's callback. */
export interface CallerWait {
  readonly clock: Clock
  readonly deadline: CallDeadline | undefined
  /** The signal given to the call. */
  readonly signal: AbortSignal | undefined
  /** Aborted when the client is closed. */
  readonly closing: AbortSignal
}

/**
 * Waits for the result of a user's callback, at most as long as the call itself may take.
 *
 * @throws EtcdError `deadline_exceeded`, `cancelled`, `closed`; rejects with whatever the callback's promise
 * rejects with
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
  // The call has ended, so a later rejection of the callback has no one to go to.
  waiting.catch(() => undefined)
  if (closing.aborted) throw new EtcdError('closed', { call: CALL })
  if (signal?.aborted) throw new EtcdError('cancelled', { call: CALL, cause: signal.reason })
  throw deadline?.over() ?? new EtcdError('cancelled', { call: CALL })
}

const CALL = 'KV/Range'
