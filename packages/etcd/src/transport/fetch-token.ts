import { keepRunning } from '../clock.ts'
import { errorCodes } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import { backoffMs } from './backoff.ts'
import type { CallContext } from './call-context.ts'

/** A call that waits for a token. */
export interface TokenWaiter {
  /** Whether the call continues to wait after a failure that may go away. */
  isPatient(error: EtcdError): boolean
  /** Receives the timer to clear when the call ends; the promise then stays pending. */
  onTimer(timer: unknown): void
}

/** True if the failure may go away, so that fetching the token again can succeed. */
export function mayHeal(error: unknown, endpoints: number): error is EtcdError {
  if (!(error instanceof EtcdError) || endpoints === 0) return false
  const { whenUnknown, isSetting } = errorCodes[error.code]
  return error.code === 'deadline_exceeded' || (whenUnknown === 'retry' && !isSetting)
}

/**
 * Fetches a token for a call, and retries as long as the call waits. Callers share one Authenticate call with
 * its own time limit; a call with time left after that limit continues with the next one.
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
