import { EtcdError } from '../errors.ts'
import type { Connection } from './connection.ts'

/** How far a call has come. */
interface CallState {
  readonly call: string
  readonly endpoint: string | undefined
  /** It may have reached a peer. */
  readonly isSent: boolean
}

/** What a call still waits for: an answer, room on its connection, or a connection. */
function missing(isSent: boolean, connection: Connection | undefined): string {
  if (isSent) return 'no answer'
  if (connection?.isReady && connection.openCalls > connection.maxCalls) {
    return `the server takes ${connection.maxCalls} calls at a time over one connection and had no room`
  }
  return 'no connection'
}

/** A call, or an attempt at it, whose time is up. */
export function lateError(
  code: 'deadline_exceeded' | 'unavailable',
  { isSent, ...place }: CallState,
  ms: number,
  connection: Connection | undefined,
  lastError: EtcdError | undefined,
): EtcdError {
  const before = lastError === undefined ? '' : `; the attempt before failed: ${lastError.what}`
  const what = `${missing(isSent, connection)} within ${ms} ms${before}`
  return new EtcdError(code, { ...place, what, fate: isSent ? 'unknown' : 'not_sent', cause: lastError })
}

/** A call that its caller gave up. */
export function cancelledError({ isSent, ...place }: CallState, cause: unknown): EtcdError {
  const what = isSent ? 'cancelled by the caller after it was sent' : 'cancelled by the caller'
  return new EtcdError('cancelled', { ...place, what, cause, fate: isSent ? 'unknown' : 'not_sent' })
}

/** A call for which there is no endpoint, out of so many. */
export function nobodyError(call: string, endpoints: number): EtcdError {
  if (endpoints === 0) {
    return new EtcdError('connect_failed', { call, what: 'there is no endpoint', fate: 'not_sent' })
  }
  const what = 'every endpoint answers for another cluster than before, and not all for the same'
  return new EtcdError('cluster_changed', { call, what, fate: 'not_sent' })
}
