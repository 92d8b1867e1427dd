import type { OutgoingHttpHeaders } from 'node:http2'
import { grpcCode, StatusError } from '../status.ts'

/** Characters that a gRPC message carries as they are; all others go percent-encoded as UTF-8. */
const plain = /^[ -$&-~]*$/

const encodeMessage = (message: string): string =>
  plain.test(message)
    ? message
    : [...Buffer.from(message)]
        .map((byte) => {
          const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
          return isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
        })
        .join('')

/** The headers, or trailers, that end a call; without an error it went well. */
export const statusHeaders = (error?: StatusError): OutgoingHttpHeaders =>
  error === undefined
    ? { 'grpc-status': String(grpcCode.ok), 'grpc-message': '' }
    : { 'grpc-status': String(error.code), 'grpc-message': encodeMessage(error.message) }

/** Whatever was thrown as a status: what is not one is a mistake of ours, which the client should hear of. */
export const statusOf = (error: unknown): StatusError =>
  error instanceof StatusError
    ? error
    : new StatusError(grpcCode.internal, `livetree embedded etcd: ${(error as Error).stack ?? error}`)
