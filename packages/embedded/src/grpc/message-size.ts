import { GRPC_CODE, StatusError } from '../status.ts'

/** Maximum size of a message in bytes: etcd's largest request plus its reserve for gRPC. */
export const MAX_MESSAGE_BYTES = 2 * 1024 * 1024

/** The error for a message above that size, with the text of gRPC's Go server. */
export function larger(bytes: number | string): StatusError {
  const message = `grpc: received message larger than max (${bytes} vs. ${MAX_MESSAGE_BYTES})`
  return new StatusError(GRPC_CODE.resourceExhausted, message)
}
