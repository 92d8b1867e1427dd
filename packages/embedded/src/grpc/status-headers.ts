import type { OutgoingHttpHeaders } from 'node:http2'
import { GRPC_CODE, StatusError } from '../status.ts'

/** Characters that a gRPC message carries as they are; all others go percent-encoded as UTF-8. */
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

/** The headers, or trailers, that end a call; without an error it went well. */
export function statusHeaders(error?: StatusError): OutgoingHttpHeaders {
  return error === undefined
    ? { 'grpc-status': String(GRPC_CODE.ok), 'grpc-message': '' }
    : { 'grpc-status': String(error.code), 'grpc-message': encodeMessage(error.message) }
}

/** Whatever was thrown as a status: what is not one is a mistake of ours, which the client should hear of. */
export function statusOf(error: unknown): StatusError {
  return error instanceof StatusError
    ? error
    : new StatusError(GRPC_CODE.internal, `livetree embedded etcd: ${(error as Error).stack ?? error}`)
}
