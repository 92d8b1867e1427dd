import type { EtcdErrorCode } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
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

/** The server refused before it looked at the request (ETCD T2, state R). */
const refusals: ReadonlySet<EtcdErrorCode> = new Set(['too_many_requests', 'no_leader', 'unavailable'])

/** Of unknown outcome, but another attempt may well succeed. */
const transient: ReadonlySet<EtcdErrorCode> = new Set(['connection_lost', 'unavailable'])

const doubtful: ReadonlySet<EtcdErrorCode> = new Set([
  'internal',
  'unknown',
  'resource_exhausted',
  'malformed_message',
])

/** Not worth waiting for: the same answer comes until someone changes a setting. */
const settings: ReadonlySet<EtcdErrorCode> = new Set(['tls_failed', 'not_grpc'])

/** True for failures that other endpoints may not share but waiting does not heal. */
export const isSettingError = (error: EtcdError): boolean => settings.has(error.code)

/** May this call be sent again? (ETCD T2: N and R always, U only for reads.) */
export const decideRetry = (error: EtcdError, retry: RetryClass, hasCredentials: boolean): Decision => {
  if (hasCredentials && isTokenError(error)) return 'refresh'
  if (error.fate === 'not_sent' || isSettingError(error)) return 'retry'
  if (error.fate === 'not_applied') return refusals.has(error.code) ? 'retry' : 'fail'
  if (retry === 'write') return 'fail'
  if (transient.has(error.code)) return 'retry'
  return doubtful.has(error.code) ? 'retry_once' : 'fail'
}

/** The caller ended these himself, or has to act on them; `fate` says that the outcome is open. */
const saysItself: ReadonlySet<EtcdErrorCode> = new Set(['cancelled', 'closed', 'no_space'])

/** What the caller gets: for a write of unknown fate that very fact, with the reason as its cause. */
export const finalError = (error: EtcdError, retry: RetryClass): EtcdError => {
  if (retry === 'read' || error.fate !== 'unknown') return error
  if (saysItself.has(error.code)) return error
  return new EtcdError('outcome_unknown', {
    endpoint: error.endpoint,
    call: error.call,
    what: `the write was sent, but ${error.what}`,
    grpcStatus: error.grpcStatus,
    fate: 'unknown',
    cause: error,
  })
}
