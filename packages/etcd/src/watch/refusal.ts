import type { EtcdErrorCode } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import { isTokenText, STALE_STREAM } from '../token-texts.ts'
import type { WatchResponse } from '../wire/watch.ts'

/** Why a server refuses a watch, sent as a message on the stream. */
export type Refusal =
  /** The token is missing, expired or outdated; a new token with a new stream may work. */
  | 'token'
  /** The user may not read the range. etcd before 3.5 also reports this for an expired token. */
  | 'permission'
  | 'compacted'
  /** The id is already used on this stream. */
  | 'duplicate_id'
  /** The range can contain no key, which the server refuses to watch. */
  | 'empty_range'
  /** Anything else; retrying later may work. */
  | 'other'

/** Classifies the reason of a `canceled` response. */
export function refusalOf(response: WatchResponse): Refusal {
  const reason = response.cancelReason.toLowerCase()
  if (response.compactRevision > 0 || reason.includes('has been compacted')) return 'compacted'
  if (reason.includes('permission denied')) return 'permission'
  if (reason.includes('duplicate watch id')) return 'duplicate_id'
  if (reason.includes('range is empty')) return 'empty_range'
  return reason.includes('unauthenticated') || isTokenText(reason) ? 'token' : 'other'
}

/** The error for a refusal, with the server's reason. */
export function refusalError(refusal: Refusal, response: WatchResponse, endpoint: string): EtcdError {
  const what = `the server refused the watch: ${response.cancelReason || 'it gave no reason'}`
  return new EtcdError(CODES[refusal], { what, call: 'Watch/Watch', endpoint })
}

/** The error for a stream that accepts no more watches with its token. */
export function staleTokenError(endpoint: string): EtcdError {
  return new EtcdError('unauthenticated', {
    call: 'Watch/Watch',
    endpoint,
    what: `${STALE_STREAM}; a new one is fetched`,
  })
}

const CODES = {
  token: 'unauthenticated',
  permission: 'permission_denied',
  empty_range: 'invalid_argument',
  compacted: 'compacted',
  duplicate_id: 'unavailable',
  other: 'unavailable',
} as const satisfies Record<Refusal, EtcdErrorCode>
