import { EtcdError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { needsDiagnosis } from './network-errors.ts'
import { type CallSite, errorOfHttp, errorOfStatus, type Headers, isGrpc, readStatus } from './status.ts'

/** How the response of a stream ended. */
export interface StreamEnd {
  readonly httpStatus: number
  readonly headers: Headers
  readonly trailers: Headers
  /** False if the last message is incomplete. */
  readonly isAtBoundary: boolean
}

/** The error of a stream whose response ended; `undefined` if the server ended it with status OK. */
export function verdictOf(
  { httpStatus, headers, trailers, isAtBoundary }: StreamEnd,
  place: CallSite,
): EtcdError | undefined {
  if (!isGrpc(httpStatus, headers)) return errorOfHttp(httpStatus, headers['content-type']?.toString(), place)
  const status = readStatus(trailers) ?? readStatus(headers)
  if (status === undefined) return lostStream('the stream ended without a status', place)
  if (status.code !== 0) return errorOfStatus(status, place)
  return isAtBoundary ? undefined : lostStream('the stream ended inside a message', place)
}

/** The error of a stream that broke. */
export function lostStream(what: string, place: CallSite): EtcdError {
  return new EtcdError('connection_lost', { ...place, what, fate: 'unknown' })
}

/** The error for a stream for which no endpoint could be reached, given the failure of each, the last one last. */
export async function unreachedError(
  failed: ReadonlyMap<Endpoint, EtcdError>,
  call: string,
): Promise<EtcdError> {
  const [endpoint, error] = [...failed].at(-1)!
  const found = needsDiagnosis(error) ? await endpoint.diagnose(error) : undefined
  return found?.with({ call }) ?? error
}
