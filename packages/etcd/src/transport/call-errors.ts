import { EtcdError } from '../errors.ts'
import type { PartialAnswer } from './answer-pace.ts'
import type { CallHandler } from './call-handler.ts'
import type { Connection } from './connection.ts'
import type { CallSite } from './status.ts'

/** The progress of a call. */
interface CallState {
  readonly call: string
  readonly endpoint: string | undefined
  /** The request may have reached a server. */
  readonly isSent: boolean
}

/** What an error needs of an attempt. */
interface LateAttempt extends CallHandler {
  readonly connection: Pick<Connection, 'isReady' | 'obstacleOf' | 'maxCalls'>
  readonly partialAnswer: PartialAnswer | undefined
}

/** What a call is still waiting for: an answer or the rest of it, capacity on its connection, or a connection. */
function missing(isSent: boolean, attempt: LateAttempt | undefined): string {
  const partialAnswer = attempt?.partialAnswer
  if (partialAnswer?.length !== undefined)
    return `only ${partialAnswer.bytes} of the ${partialAnswer.length} bytes of the answer`
  if (isSent) return 'no answer'
  if (attempt === undefined || !attempt.connection.isReady) return 'no connection'
  switch (attempt.connection.obstacleOf(attempt)) {
    case 'given up':
      return 'calls before it were given up without an answer, so it was not sent'
    case 'calls':
      return `the server accepts ${attempt.connection.maxCalls} calls at a time over one connection, and all were in use`
    default:
      return 'large requests before it were still in progress, so it was not sent'
  }
}

/** With several endpoints, a longer time for the call gives none of its attempts more. */
const SLOW_REMEDY =
  'Raise `timeouts.attemptMs` of the client if its members need longer to answer such a read by nature; otherwise check their load and their health.'

/** The error for a call or an attempt whose time is over. */
export function lateError(
  code: 'deadline_exceeded' | 'unavailable',
  { isSent, ...place }: CallState,
  ms: number,
  attempt: LateAttempt | undefined,
  lastError: EtcdError | undefined,
): EtcdError {
  const before = lastError === undefined ? '' : `; the attempt before failed: ${lastError.what}`
  const what = `${missing(isSent, attempt)} within ${ms} ms${before}`
  const isSlow = code === 'unavailable' || lastError?.remedy === SLOW_REMEDY
  const remedy = isSlow ? SLOW_REMEDY : undefined
  return new EtcdError(code, {
    ...place,
    what,
    remedy,
    fate: isSent ? 'unknown' : 'not_sent',
    cause: lastError,
  })
}

/** The error for a call that was aborted by its caller. */
export function cancelledError({ isSent, ...place }: CallState, cause: unknown): EtcdError {
  const what = isSent ? 'cancelled by the caller after it was sent' : 'cancelled by the caller'
  return new EtcdError('cancelled', { ...place, what, cause, fate: isSent ? 'unknown' : 'not_sent' })
}

/** The error for an attempt over a connection that is left, since its peer answers nothing. */
export function silentError(place: CallSite): EtcdError {
  const what = 'the server answers nothing over the connection, not even a ping'
  return new EtcdError('connection_lost', { ...place, what })
}

/** The error for a call without a usable endpoint. `endpoints` is the number of endpoints. */
export function nobodyError(call: string, endpoints: number): EtcdError {
  if (endpoints === 0) {
    return new EtcdError('connect_failed', { call, what: 'there is no endpoint', fate: 'not_sent' })
  }
  const what = 'every endpoint answers for another cluster than before, but not all for the same one'
  return new EtcdError('cluster_changed', { call, what, fate: 'not_sent' })
}
