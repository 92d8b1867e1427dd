import { constants } from 'node:http2'
import type { EtcdErrorCode, Fate } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import type { CallSite } from './status.ts'

interface Translation {
  readonly code: EtcdErrorCode
  readonly what: string
  readonly remedy?: string
}

const CLIENT_CERTIFICATE =
  'Give tls.cert and tls.key, signed by the CA that the server trusts (--trusted-ca-file).'
const WRONG_CA = "Give the CA that signed the server's certificate as tls.ca."

/** Failures while connecting; nothing was sent. */
const CONNECTING: Readonly<Record<string, Translation>> = {
  ECONNREFUSED: { code: 'connect_failed', what: 'connection refused' },
  ENOTFOUND: { code: 'connect_failed', what: 'the host name is not known to DNS' },
  EAI_AGAIN: { code: 'connect_failed', what: 'DNS did not answer' },
  EHOSTUNREACH: { code: 'connect_failed', what: 'the host cannot be reached' },
  ENETUNREACH: { code: 'connect_failed', what: 'the network cannot be reached' },
  EADDRNOTAVAIL: { code: 'connect_failed', what: 'the address cannot be reached from here' },
  ETIMEDOUT: { code: 'connect_failed', what: 'no answer to the connection attempt' },
  UND_ERR_CONNECT_TIMEOUT: { code: 'connect_failed', what: 'no answer to the connection attempt in time' },
  ECONNRESET: { code: 'connect_failed', what: 'the connection was reset while it was made' },
}

/** Failures of TLS on either side. */
const TLS: Readonly<Record<string, Translation>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: {
    code: 'tls_failed',
    what: "the server's certificate is self-signed",
    remedy: WRONG_CA,
  },
  SELF_SIGNED_CERT_IN_CHAIN: {
    code: 'tls_failed',
    what: "the server's certificate is signed by a CA that is not trusted here",
    remedy: WRONG_CA,
  },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: {
    code: 'tls_failed',
    what: "the server's certificate is signed by a CA that is not trusted here",
    remedy: WRONG_CA,
  },
  UNABLE_TO_GET_ISSUER_CERT: {
    code: 'tls_failed',
    what: "the server's certificate chain is incomplete",
    remedy: WRONG_CA,
  },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: {
    code: 'tls_failed',
    what: "the server's certificate is signed by a CA that is not trusted here",
    remedy: WRONG_CA,
  },
  CERT_SIGNATURE_FAILURE: {
    code: 'tls_failed',
    what: "the server's certificate is signed by another CA of the same name",
    remedy: WRONG_CA,
  },
  CERT_HAS_EXPIRED: {
    code: 'tls_failed',
    what: "the server's certificate has expired",
    remedy: 'Renew it on the server.',
  },
  CERT_NOT_YET_VALID: {
    code: 'tls_failed',
    what: "the server's certificate is not valid yet",
    remedy: 'Check the clocks of both machines.',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    code: 'tls_failed',
    what: "the server's certificate is for another host name",
    remedy: 'Use a name from the certificate in the endpoint, or set tls.servername.',
  },
  ERR_SSL_WRONG_VERSION_NUMBER: {
    code: 'tls_failed',
    what: 'the server does not speak TLS on this port',
    remedy: 'Use http:// in the endpoint, or switch TLS on at the server (--cert-file, --key-file).',
  },
  ERR_SSL_PACKET_LENGTH_TOO_LONG: {
    code: 'tls_failed',
    what: 'the server does not speak TLS on this port',
    remedy: 'Use http:// in the endpoint, or switch TLS on at the server (--cert-file, --key-file).',
  },
}

/** TLS alerts by the end of OpenSSL's name for them; the beginning differs between versions. */
const ALERTS: Readonly<Record<string, string>> = {
  CERTIFICATE_REQUIRED: 'the server asks for a client certificate and got none',
  BAD_CERTIFICATE: 'the server did not accept the client certificate, or asks for one and got none',
  UNKNOWN_CA: 'the server does not trust the CA of the client certificate',
  CERTIFICATE_UNKNOWN: 'the server did not accept the client certificate',
  CERTIFICATE_EXPIRED: 'the client certificate has expired',
  HANDSHAKE_FAILURE: 'the server broke off the TLS handshake; it may ask for a client certificate',
}

/** Why an established connection was lost. */
const RUNNING: Readonly<Record<string, string>> = {
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed by the server',
  ETIMEDOUT: 'the connection went silent',
  UND_ERR_SOCKET: 'the connection was closed by the server',
  ERR_HTTP2_STREAM_ERROR: 'the server reset the call',
  ERR_HTTP2_GOAWAY_SESSION: 'the server is shutting down',
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : ''
}

/** All nested errors: undici and Node wrap the one with the actual reason. */
function chainOf(error: unknown): unknown[] {
  const chain: unknown[] = []
  const queue: unknown[] = [error]
  while (queue.length > 0 && chain.length < 12) {
    const next = queue.shift()
    if (!(next instanceof Error) || chain.includes(next)) continue
    chain.push(next)
    if (next instanceof AggregateError) queue.push(...next.errors)
    queue.push(next.cause)
  }
  return chain
}

function tlsTranslation(error: unknown): Translation | undefined {
  const code = codeOf(error)
  const known = TLS[code]
  if (known !== undefined) return known
  const alert = ALERTS[/_ALERT_(\w+)$/.exec(code)?.[1] ?? '']
  if (alert !== undefined) return { code: 'tls_failed', what: alert, remedy: CLIENT_CERTIFICATE }
  if (/^ERR_(SSL|TLS|OSSL)_/.test(code) || code === 'EPROTO') {
    return { code: 'tls_failed', what: `the TLS handshake failed (${code})` }
  }
  return /^(CERT_|CRL_|UNABLE_TO_|INVALID_CA|HOSTNAME_MISMATCH)/.test(code)
    ? { code: 'tls_failed', what: `the server's certificate was not accepted (${code})`, remedy: WRONG_CA }
    : undefined
}

function lossOf(chain: readonly unknown[]): string {
  for (const each of chain) {
    const known = RUNNING[codeOf(each)]
    if (known !== undefined) return known
    if (each instanceof Error && /goaway/i.test(each.message)) return 'the server is shutting down'
    if (tlsTranslation(each) !== undefined) return `the TLS connection broke (${codeOf(each)})`
  }
  return 'the connection broke'
}

/** Adjusts an EtcdError to whether the request had been handed to the connection. */
function ownError(error: EtcdError, isSent: boolean, place: Partial<CallSite>): EtcdError {
  const fate: Fate = isSent ? (error.fate === 'not_sent' ? 'unknown' : error.fate) : 'not_sent'
  const call = error.call ?? place.call
  return fate === error.fate && call === error.call ? error : error.with({ call, fate })
}

/**
 * Translates errors of Node, its TLS and undici; all knowledge of them is in this file. `isSent` says whether
 * the request had been handed to an established connection. From then on no failure of the connection proves
 * that the request was not executed: neither a TLS error nor a stream reset as "refused".
 */
export function errorOfNetwork(error: unknown, isSent: boolean, place: Partial<CallSite>): EtcdError {
  if (error instanceof EtcdError) return ownError(error, isSent, place)
  const chain = chainOf(error)
  if (isSent) {
    return new EtcdError('connection_lost', { ...place, what: lossOf(chain), cause: error, fate: 'unknown' })
  }
  for (const each of chain) {
    const translation = tlsTranslation(each) ?? CONNECTING[codeOf(each)]
    if (translation !== undefined)
      return new EtcdError(translation.code, { ...place, ...translation, cause: error, fate: 'not_sent' })
  }
  const code = codeOf(error)
  const what =
    code === 'UND_ERR_SOCKET'
      ? 'the connection was closed before any HTTP/2 data arrived'
      : `no connection could be made${code === '' ? '' : ` (${code})`}`
  return new EtcdError('connect_failed', { ...place, what, cause: error, fate: 'not_sent' })
}

/**
 * True for a call that was reset because the session has too much to do: by the peer, or by Node, which resets all calls of a
 * session that holds too much (see `SendBudget`).
 */
export function isOverloaded(error: unknown): boolean {
  return chainOf(error).some(
    (each) =>
      (each as { readonly http2ErrorCode?: unknown }).http2ErrorCode === constants.NGHTTP2_ENHANCE_YOUR_CALM,
  )
}

/** True if the connection was closed before anything was received, so that a diagnosis may help. */
export function needsDiagnosis({ code, cause }: EtcdError): boolean {
  return (
    code === 'connect_failed' &&
    cause instanceof Error &&
    !chainOf(cause).some(
      (each) => each instanceof EtcdError || (codeOf(each) !== 'ECONNRESET' && codeOf(each) in CONNECTING),
    )
  )
}
