import type { RequestBody } from './request-body.ts'

/**
 * Whom an error speaks of. `caller`: the request cannot be sent to any endpoint. `nobody`: what it came from is unknown, such as
 * a pool that has thrown, and nothing was sent, so it says nothing about the endpoint.
 */
export type Fault = 'caller' | 'endpoint' | 'nobody'

/** Errors of undici about the request that it was given, whatever was sent of it. */
const CALLERS_ERRORS = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_NOT_SUPPORTED',
])

/** Errors of Node about how it was called. Those of connections and peers begin with `ERR_`, too. */
const MISUSE =
  /^ERR_(?!SSL_|TLS_CERT_|TLS_HANDSHAKE_|SOCKET_|STREAM_|HTTP2_(?:ERROR|GOAWAY|SESSION|STREAM|INVALID_S))/

/** Says whose fault it is that an attempt has failed. `wasSent`: a part of the request was sent. */
export function faultOf(error: Error, body: RequestBody, wasSent: boolean): Fault {
  const code = 'code' in error ? String(error.code) : ''
  if (CALLERS_ERRORS.has(code) || body.hasFailed) return 'caller'
  // The only abort that undici makes of its own accord: that of a body which ends before its end.
  if (code === 'UND_ERR_ABORTED' && body.isCutOff) return 'caller'
  if (wasSent) return 'endpoint'
  if (MISUSE.test(code) || error instanceof TypeError) return 'caller'
  return code === '' ? 'nobody' : 'endpoint'
}
