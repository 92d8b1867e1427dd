import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { KV, Maintenance, type Method } from '../wire/rpc.ts'
import type { Init } from '../wire/message-type.ts'
import type { Connection } from './connection.ts'
import { encodeRequest } from './encode-request.ts'
import { isTokenError } from './status.ts'
import { UnaryAttempt } from './unary-attempt.ts'

/** Time limit for the answer of a member, in milliseconds. */
export const ASK_MS = 2_000

/** Headers of every request. */
export const BASE_HEADERS = [
  'content-type',
  'application/grpc',
  'te',
  'trailers',
  'user-agent',
  'livetree-etcd',
]

/**
 * Requests the status of the member behind a connection, which requires no leader. Resolves with the payload of
 * the response. With auth enabled, etcd 3.4.23 answers everybody, and 3.5.30 root only.
 *
 * @throws EtcdError
 */
export function askMember(connection: Connection, clock: Clock): Promise<Uint8Array> {
  return ask(Maintenance.status, {}, connection, clock, undefined)
}

/**
 * Executes a transaction without operations, which every authenticated user may do.
 * Resolves with the payload of the response.
 *
 * @throws EtcdError
 */
export function askAsUser(
  connection: Connection,
  clock: Clock,
  token: string | undefined,
  limitMs = ASK_MS,
): Promise<Uint8Array> {
  return ask(KV.txn, {}, connection, clock, token, limitMs)
}

/**
 * Counts a key that nobody uses, without asking other members. A user without permission is refused, which is an
 * answer as well; gateways that drop transactions usually pass reads on.
 *
 * @throws EtcdError
 */
export function askAsReader(
  connection: Connection,
  clock: Clock,
  token: string | undefined,
  limitMs = ASK_MS,
): Promise<Uint8Array> {
  const request = { key: Buffer.alloc(1), serializable: true, countOnly: true }
  return ask(KV.range, request, connection, clock, token, limitMs)
}

/** True if a member with auth enabled refused to answer this caller. */
export function isAuthRefusal(error: unknown): boolean {
  if (!(error instanceof EtcdError)) return false
  return (
    isTokenError(error) || (error.code === 'permission_denied' && error.what.endsWith(': permission denied'))
  )
}

function ask<Req, Res>(
  method: Method<Req, Res>,
  request: Init<Req>,
  connection: Connection,
  clock: Clock,
  token: string | undefined,
  limitMs = ASK_MS,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const { path, response } = method
    const body = encodeRequest(method, request)
    const owner = {
      onAnswer: (_: unknown, { payload }: { readonly payload: Buffer }) => settle(() => resolve(payload)),
      onFailure: (error: EtcdError) => settle(() => reject(error)),
    }
    const attempt = new UnaryAttempt(owner, response, path, connection, token, MAX_BYTES)
    const settle = (tell: () => void) => {
      clock.clearTimeout(timer)
      tell()
    }
    const timer = clock.setTimeout(() => {
      const fate = attempt.isSent ? 'unknown' : 'not_sent'
      const what = `no answer within ${limitMs} ms`
      const error = new EtcdError('unavailable', { ...attempt.place, what, fate })
      attempt.abandon(error)
      reject(error)
    }, limitMs)
    const headers = token === undefined ? BASE_HEADERS : [...BASE_HEADERS, 'token', token]
    connection.start(path, headers, body, attempt)
  })
}

const MAX_BYTES = 100_000
