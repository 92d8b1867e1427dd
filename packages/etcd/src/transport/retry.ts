import { errorCodes, type EtcdErrorCode, type Fate } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { isTokenError } from './status.ts'
import type { RetryClass } from './transport.ts'

/** How to proceed after a failed attempt. */
export type Decision =
  | 'fail'
  /** Send it again, on another endpoint if there is one. */
  | 'retry'
  /** Like `retry`, but only once, for errors that tend to recur. */
  | 'retry_once'
  /** Fetch a new token, then send it again. */
  | 'refresh'

/**
 * Decides whether a call may be sent again: always if it was not sent or was refused without being processed;
 * after an unknown outcome only if executing it twice does no harm.
 */
export function decideRetry(error: EtcdError, retry: RetryClass, hasCredentials: boolean): Decision {
  if (hasCredentials && isTokenError(error)) return 'refresh'
  const { isRefusal, isSetting, whenUnknown } = errorCodes[error.code]
  if (error.fate === 'not_sent') return 'retry'
  if (error.fate === 'not_applied') return isRefusal || isSetting ? 'retry' : 'fail'
  return retry === 'write' ? 'fail' : whenUnknown
}

/**
 * The error for the caller: a write of unknown fate fails with `outcome_unknown`, unless the actual code
 * comes from the caller or requires an action by the caller.
 */
export function finalError(error: EtcdError, retry: RetryClass): EtcdError {
  const { fate, code, call } = error
  if (retry === 'read' || fate !== 'unknown') return error
  if (ENDED_BY_CALLER.has(code))
    return error.with({ remedy: `The write was sent before, and may be applied. ${lookFirst(call)}` })
  if (code === 'outcome_unknown' || errorCodes[code].isSpecific) return error
  return new EtcdError('outcome_unknown', {
    endpoint: error.endpoint,
    call,
    what: `the write was sent, but ${error.what}`,
    remedy: `${lookFirst(call)} ${error.remedy}`,
    grpcStatus: error.grpcStatus,
    fate: 'unknown',
    cause: error,
  })
}

/** The codes of calls that the caller has ended. */
const ENDED_BY_CALLER: ReadonlySet<EtcdErrorCode> = new Set(['cancelled', 'closed'])

/** What shows whether a write was applied, by call or by service. */
const LOOK_FIRST: Readonly<Record<string, string>> = {
  'KV/Compact': 'Compact the revision again: that does no harm.',
  Lease:
    'Ask for the lease with timeToLive or list before you send it again; one that nobody renews expires by itself.',
  Cluster: 'List the members before you change them again.',
  Maintenance: 'Look at the status and the alarms of the member before you send it again.',
  Auth: 'Look at the users and roles before you change them again.',
}

function lookFirst(call = ''): string {
  const [service = ''] = call.split('/')
  return LOOK_FIRST[call] ?? LOOK_FIRST[service] ?? errorCodes.outcome_unknown.remedy
}

const FATES: readonly Fate[] = ['not_sent', 'not_applied', 'unknown']

/** The worse of two fates, for a request that was sent more than once. */
export function worseFate(a: Fate, b: Fate): Fate {
  return FATES.indexOf(a) > FATES.indexOf(b) ? a : b
}

/**
 * Applies a failed attempt to its endpoint. An endpoint of another cluster is healthy, and excluded by its
 * cluster alone.
 */
export function blame(endpoint: Endpoint, error: EtcdError, decision: Decision): void {
  if (error.code === 'cluster_changed') return
  const isAtFault = errorCodes[error.code].blamesEndpoint
  if (isAtFault && error.fate !== 'not_sent') endpoint.doubt()
  else if (isAtFault || decision === 'retry' || decision === 'retry_once') endpoint.failed()
}
