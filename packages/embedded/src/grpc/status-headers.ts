import type { OutgoingHttpHeaders } from 'node:http2'
import { GRPC_CODE, StatusError } from '../status.ts'

/** Characters that a gRPC message contains unencoded; others are percent-encoded as UTF-8. */
const PLAIN = /^[ -$&-~]*$/

function encodeMessage(message: string): string {
  return PLAIN.test(message)
    ? message
    : [...Buffer.from(message)]
        .map((byte) => {
          const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
          return isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
        })
        .join('')
}

/** The headers or trailers that end a call: with status OK if there is no error. */
export function statusHeaders(error?: StatusError): OutgoingHttpHeaders {
  return error === undefined
    ? { 'grpc-status': String(GRPC_CODE.ok), 'grpc-message': '' }
    : { 'grpc-status': String(error.code), 'grpc-message': encodeMessage(error.message) }
}

/**
 * Converts anything thrown to a status. Anything but a `StatusError` is a bug of this server and is reported
 * as internal.
 */
export function statusOf(error: unknown): StatusError {
  return error instanceof StatusError
    ? error
    : new StatusError(GRPC_CODE.internal, `livetree embedded etcd: ${(error as Error).stack ?? error}`)
}
