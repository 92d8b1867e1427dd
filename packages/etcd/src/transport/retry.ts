import { errorCodes, type Fate } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { isTokenError } from './status.ts'
import type { RetryClass } from './transport.ts'

/** What to do after a failed attempt. */
export type Decision =
  | 'fail'
  /** Send it again, on another endpoint if there is one. */
  | 'retry'
  /** As `retry`, but for errors that tend to come back: once only. */
  | 'retry_once'
  /** Get a new token, then send it again. */
  | 'refresh'

/**
 * May this call be sent again? What was not sent, or refused unseen, always; what is of unknown outcome only when it does
 * no harm to do it twice (ETCD T2).
 */
export function decideRetry(error: EtcdError, retry: RetryClass, hasCredentials: boolean): Decision {
  if (hasCredentials && isTokenError(error)) return 'refresh'
  const { isRefusal, isSetting, whenUnknown } = errorCodes[error.code]
  if (error.fate === 'not_sent') return 'retry'
  if (error.fate === 'not_applied') return isRefusal || isSetting ? 'retry' : 'fail'
  return retry === 'write' ? 'fail' : whenUnknown
}

/**
 * The error the caller gets: a write whose fate is unknown is `outcome_unknown`, whatever the reason, unless the reason is
 * one that its caller gave or has to act on.
 */
export function finalError(error: EtcdError, retry: RetryClass): EtcdError {
  if (retry === 'read' || error.fate !== 'unknown' || errorCodes[error.code].isSpecific) return error
  return new EtcdError('outcome_unknown', {
    endpoint: error.endpoint,
    call: error.call,
    what: `the write was sent, but ${error.what}`,
    remedy: `${errorCodes.outcome_unknown.remedy} ${error.remedy}`,
    grpcStatus: error.grpcStatus,
    fate: 'unknown',
    cause: error,
  })
}

const FATES: readonly Fate[] = ['not_sent', 'not_applied', 'unknown']

/** What may have become of a request that was sent more than once. */
export function worseFate(a: Fate, b: Fate): Fate {
  return FATES.indexOf(a) > FATES.indexOf(b) ? a : b
}

/** What an attempt says of its endpoint. One of another cluster has answered: its cluster alone keeps calls away. */
export function blame(endpoint: Endpoint, error: EtcdError, decision: Decision): void {
  if (error.code === 'cluster_changed') return
  const isAtFault = errorCodes[error.code].blamesEndpoint
  if (isAtFault && error.fate !== 'not_sent') endpoint.doubt()
  else if (isAtFault || decision === 'retry' || decision === 'retry_once') endpoint.failed()
}
