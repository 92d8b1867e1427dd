import type { EtcdErrorCode, Fate } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import { isTokenText, isUnknownTokenText } from '../token-texts.ts'

/** Response headers or trailers, names in lower case. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>

/** Endpoint and call, for error messages. */
export interface CallSite {
  readonly endpoint: string
  /** For example `KV/Range`. */
  readonly call: string
}

/** The gRPC status that ended a call. */
export interface GrpcStatus {
  readonly code: number
  readonly message: string
}

interface KnownError {
  /** Part of etcd's message, in lower case. */
  readonly text: string
  readonly code: EtcdErrorCode
  /** Default: the fate of the status. */
  readonly fate?: Fate
}

/** For texts that only etcd itself sends, with its name in front, before it proposes the request. */
const REFUSED: Fate = 'not_applied'

/**
 * etcd distinguishes errors by gRPC status and text; the first matching text counts. Gateways and etcd's own
 * grpc-proxy answer with the same statuses, possibly about the response after the write was applied. A text
 * therefore changes the fate of its status only where `fate` is given. Source of the texts: etcd
 * api/v3rpc/rpctypes/error.go and server/auth/store.go; the fates are
 * tested on etcd itself by `test/integration/etcd/fate.test.ts`.
 */
const KNOWN_ERRORS: Readonly<Record<number, readonly KnownError[]>> = {
  // Maintenance calls return errors of the auth store without a status.
  2: [
    { text: 'etcdserver: no leader', code: 'no_leader', fate: REFUSED },
    { text: 'etcdserver: too many requests', code: 'too_many_requests', fate: REFUSED },
    { text: 'auth: permission denied', code: 'permission_denied', fate: REFUSED },
    { text: 'auth: authentication is not enabled', code: 'auth_not_enabled', fate: REFUSED },
    { text: 'auth: invalid auth token', code: 'unauthenticated', fate: REFUSED },
    { text: 'auth: user name is empty', code: 'unauthenticated', fate: REFUSED },
    { text: 'auth: revision in header is old', code: 'unauthenticated', fate: REFUSED },
    { text: 'auth: authentication failed', code: 'unauthenticated', fate: REFUSED },
  ],
  3: [
    { text: 'user name is empty', code: 'unauthenticated' },
    { text: 'revision of auth store is old', code: 'unauthenticated' },
    { text: 'revision in header is old', code: 'unauthenticated' },
    { text: 'authentication failed', code: 'unauthenticated' },
    { text: 'too many operations', code: 'request_too_large' },
    { text: 'request is too large', code: 'request_too_large' },
    { text: 'duplicate key', code: 'duplicate_key' },
    { text: 'key not found', code: 'key_not_found' },
  ],
  5: [{ text: 'lease not found', code: 'lease_not_found' }],
  8: [
    { text: 'space exceeded', code: 'no_space' },
    { text: 'etcdserver: too many requests', code: 'too_many_requests', fate: REFUSED },
    // Servers based on gRPC's library say this of requests, proxies also of responses.
    { text: 'larger than max', code: 'request_too_large' },
  ],
  9: [
    { text: 'lease already exists', code: 'lease_exists' },
    { text: 'authentication is not enabled', code: 'auth_not_enabled' },
    { text: 'already exists', code: 'already_exists' },
    { text: 'not found', code: 'not_found' },
  ],
  11: [
    { text: 'compacted', code: 'compacted' },
    { text: 'future revision', code: 'future_revision' },
    { text: 'lease ttl', code: 'invalid_argument' },
  ],
  // A proxy says this of a response that it cannot decompress.
  12: [{ text: 'compress', code: 'unimplemented', fate: 'unknown' }],
  14: [
    { text: 'etcdserver: no leader', code: 'no_leader', fate: REFUSED },
    { text: 'etcdserver: rpc not supported for learner', code: 'unavailable', fate: REFUSED },
    { text: 'etcdserver: unhealthy cluster', code: 'unavailable', fate: REFUSED },
  ],
}

/** Code and fate of a status without a known text. */
const BY_STATUS: Readonly<Record<number, { readonly code: EtcdErrorCode; readonly fate: Fate }>> = {
  1: { code: 'unavailable', fate: 'unknown' },
  2: { code: 'unknown', fate: 'unknown' },
  3: { code: 'invalid_argument', fate: 'not_applied' },
  4: { code: 'unavailable', fate: 'unknown' },
  5: { code: 'not_found', fate: 'not_applied' },
  6: { code: 'already_exists', fate: 'not_applied' },
  7: { code: 'permission_denied', fate: 'not_applied' },
  8: { code: 'resource_exhausted', fate: 'unknown' },
  9: { code: 'failed_precondition', fate: 'not_applied' },
  10: { code: 'failed_precondition', fate: 'unknown' },
  11: { code: 'invalid_argument', fate: 'not_applied' },
  12: { code: 'unimplemented', fate: 'not_applied' },
  13: { code: 'internal', fate: 'unknown' },
  14: { code: 'unavailable', fate: 'unknown' },
  15: { code: 'corrupt', fate: 'not_applied' },
  16: { code: 'unauthenticated', fate: 'not_applied' },
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

/** Decodes gRPC's percent-encoding. A message that cannot be decoded is shown as received. */
function decodeMessage(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return encoded
  }
}

/**
 * Reads the status from trailers, or from the headers of a response without body; `undefined` if there is
 * none.
 */
export function readStatus(headers: Headers): GrpcStatus | undefined {
  const text = single(headers['grpc-status'])
  if (text === undefined) return undefined
  const code = /^\d{1,3}$/.test(text) ? Number(text) : 2
  return { code, message: code === 0 ? '' : decodeMessage(single(headers['grpc-message']) ?? '') }
}

/** True for errors after which a call should be retried with a new token. */
export function isTokenError(error: EtcdError): boolean {
  return error.code === 'unauthenticated' && isTokenText(error.what)
}

/**
 * True if the member does not know the token. Of a new token this means that the member lags behind: a token names
 * the log entry before its own, and a member answers once it has applied that one.
 */
export function isUnknownToken({ what }: EtcdError): boolean {
  return isUnknownTokenText(what)
}

/** The error for a status other than OK, also for texts within messages such as a watch's cancel reason. */
export function errorOfStatus(status: GrpcStatus, place: Partial<CallSite>): EtcdError {
  const text = status.message.toLowerCase()
  const known = KNOWN_ERRORS[status.code]?.find((each) => text.includes(each.text))
  const general = BY_STATUS[status.code] ?? { code: 'unknown', fate: 'unknown' }
  const words = status.message.replace(/^etcdserver: /, '')
  return new EtcdError(known?.code ?? general.code, {
    ...place,
    what: words === '' ? `the server answered with gRPC status ${status.code}` : `etcd says: ${words}`,
    fate: known?.fate ?? general.fate,
    grpcStatus: status.code,
  })
}

/** HTTP statuses of a gateway whose member is unavailable (gRPC over HTTP/2, "HTTP to gRPC status"). */
const GATEWAY_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504])

const CONTENT_TOO_LARGE = 413

/**
 * The error for a response that is not gRPC. The request may have been forwarded, whatever the status says.
 */
export function errorOfHttp(httpStatus: number, contentType: string | undefined, place: CallSite): EtcdError {
  const tell = (code: EtcdErrorCode, what: string, remedy?: string): EtcdError =>
    new EtcdError(code, { ...place, what, remedy, fate: 'unknown' })
  if (GATEWAY_STATUSES.has(httpStatus))
    return tell('unavailable', `a gateway answered with HTTP ${httpStatus}`)
  if (httpStatus === CONTENT_TOO_LARGE) {
    const remedy = "Split the request, or raise the gateway's limit (nginx: client_max_body_size)."
    return tell('request_too_large', `a gateway answered with HTTP ${httpStatus}`, remedy)
  }
  const type = contentType === undefined ? 'no content type' : `content type ${contentType.slice(0, 60)}`
  return tell('not_grpc', `the answer was HTTP ${httpStatus} with ${type}`)
}

/** True if a response has the headers of gRPC. */
export function isGrpc(httpStatus: number, headers: Headers): boolean {
  return httpStatus === 200 && (single(headers['content-type']) ?? '').startsWith('application/grpc')
}
