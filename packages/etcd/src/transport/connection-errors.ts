import { EtcdError } from '../errors.ts'

/** Why a connection is replaced that holds too many bodies of calls that were given up. */
export const OVERFULL =
  'the connection is replaced before the call is sent, since its session holds too much: the server, or the way to it, is slow for the size of calls that were given up'

export function tooSlow(endpoint: string, timeoutMs: number): EtcdError {
  const what = `no connection, or no HTTP/2 settings over it, within ${timeoutMs} ms`
  return new EtcdError('connect_failed', { endpoint, what })
}

export function noCalls(endpoint: string): EtcdError {
  const what = 'the server accepts no calls: its limit of concurrent HTTP/2 streams is 0'
  return new EtcdError('connect_failed', { endpoint, what })
}

export function unknownUndici(endpoint: string): EtcdError {
  const what = 'this version of undici does not let requests wait for the HTTP/2 settings'
  const remedy = 'Install undici 8.12, which this package is tested with.'
  return new EtcdError('connect_failed', { endpoint, what, remedy })
}

export function noPongs(endpoint: string, intervalMs: number): EtcdError {
  const what = `the server no longer answers pings, which are sent every ${intervalMs} ms`
  return new EtcdError('connection_lost', { endpoint, what, fate: 'unknown' })
}
