/** What a request sends: text and bytes can be sent again, a stream only while nobody has read from it. */
export type BodyKind = 'replayable' | 'untouched' | 'used'

/** An attempt that has failed, and what is known about it. */
export interface FailedAttempt {
  readonly method: string
  /** Set by the caller; overrides what the method says. */
  readonly idempotent: boolean | undefined
  readonly body: BodyKind
  /** A connection had been found, so that the request may have reached the server. */
  readonly wasStarted: boolean
  readonly failure:
    | { readonly type: 'error' }
    | {
        readonly type: 'status'
        readonly status: number
        readonly retryAfterMs: number | undefined
        /** The time that the caller gives for an answer, in milliseconds. */
        readonly deadlineMs: number
      }
}

/** Methods whose repetition has the effect of one request (RFC 9110, section 9.2.2, and QUERY). */
const IDEMPOTENT_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE', 'QUERY'])
/** Answers of a gateway, or of a server that takes no requests. */
const GATEWAY_STATUSES = new Set([502, 503, 504])

/** True for an answer that says that the endpoint does not work, rather than the request. */
export function isGatewayFailure(status: number): boolean {
  return GATEWAY_STATUSES.has(status)
}

/** How a connection ends that the other side has closed or reset. */
const LOST_CONNECTION = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** True for the loss of a connection that had been made, which may have been an old one; the endpoint may be well. */
export function isLostConnection(error: Error): boolean {
  return 'code' in error && LOST_CONNECTION.has(String(error.code))
}

/** How a connection fails that nobody takes. */
const REFUSED_CONNECTION = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH'])

/** True where no connection was made, and that was known at once: it costs the caller next to nothing to ask the next endpoint. */
export function isRefusedConnection(error: Error): boolean {
  return 'code' in error && REFUSED_CONNECTION.has(String(error.code))
}

/**
 * Whether a failed attempt may be repeated on another endpoint: surely nothing was sent, or sending it twice has the effect
 * of sending it once. Never asked once the caller has received the head of an answer.
 */
export function mayRetry(attempt: FailedAttempt): boolean {
  const { failure, wasStarted, body, method, idempotent } = attempt
  if (failure.type === 'error' && !wasStarted) return body !== 'used'
  const isIdempotent = idempotent ?? IDEMPOTENT_METHODS.has(method.toUpperCase())
  if (!isIdempotent || body !== 'replayable') return false
  if (failure.type === 'error') return true
  const waits = failure.status === 503 ? (failure.retryAfterMs ?? 0) : 0
  return isGatewayFailure(failure.status) && waits <= failure.deadlineMs
}

/** The milliseconds of a `retry-after` header, given as seconds or as a date; undefined without a usable one. */
export function retryAfterMs(header: unknown, wallMs: number): number | undefined {
  if (typeof header !== 'string') return undefined
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1_000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - wallMs)
}
