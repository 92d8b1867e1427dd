import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { Maintenance } from '../wire/rpc.ts'
import type { Connection } from './connection.ts'
import { encodeRequest } from './encode-request.ts'
import { UnaryAttempt } from './unary-attempt.ts'

/** Time limit for the answer of a member, in milliseconds. */
const ASK_MS = 2_000

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
 * Requests the status of the member behind a connection, which requires neither a leader nor a token.
 * Resolves with the payload of the response.
 *
 * @throws EtcdError
 */
export function askMember(connection: Connection, clock: Clock): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const { path, response } = Maintenance.status
    const body = encodeRequest(Maintenance.status, {})
    const owner = {
      onAnswer: (_: unknown, { payload }: { readonly payload: Buffer }) => settle(() => resolve(payload)),
      onFailure: (error: EtcdError) => settle(() => reject(error)),
    }
    const attempt = new UnaryAttempt(owner, response, path, connection, undefined, MAX_BYTES)
    const settle = (tell: () => void) => {
      clock.clearTimeout(timer)
      tell()
    }
    const timer = clock.setTimeout(() => {
      const error = new EtcdError('unavailable', { ...attempt.place, what: `no answer within ${ASK_MS} ms` })
      attempt.abandon(error)
      reject(error)
    }, ASK_MS)
    connection.start(path, BASE_HEADERS, body, attempt)
  })
}

const MAX_BYTES = 100_000
