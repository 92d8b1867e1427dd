import { keepRunning } from '../clock.ts'
import { errorCodes } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import { backoffMs } from './backoff.ts'
import type { CallContext } from './call-context.ts'

/** The call that waits for a token. */
export interface TokenWaiter {
  /** Whether it waits on when fetching failed with what may heal by itself. */
  isPatient(error: EtcdError): boolean
  /** The timer to clear when the call is over; the promise then stays pending. */
  onTimer(timer: unknown): void
}

/** Whether fetching a token may succeed in a moment where it just failed. */
export function mayHeal(error: unknown, endpoints: number): error is EtcdError {
  if (!(error instanceof EtcdError) || endpoints === 0) return false
  const { whenUnknown, isSetting } = errorCodes[error.code]
  return error.code === 'deadline_exceeded' || (whenUnknown === 'retry' && !isSetting)
}

/**
 * Fetches a token for a call, anew as long as the call waits. One Authenticate serves all callers and has a time limit of
 * its own: a call that came when that was nearly over, or that may take longer, goes on to the next one.
 *
 * @throws EtcdError
 */
export async function fetchToken(
  { tokens, balancer, clock, backoff }: CallContext,
  used: string | undefined,
  waiter: TokenWaiter,
): Promise<void> {
  for (let round = 0; ; round += 1) {
    try {
      return await tokens.refresh(used)
    } catch (error) {
      if (!mayHeal(error, balancer.size) || !waiter.isPatient(error)) throw error
      const { promise, resolve } = Promise.withResolvers<void>()
      waiter.onTimer(keepRunning(clock.setTimeout(resolve, backoffMs(backoff, round))))
      await promise
    }
  }
}
