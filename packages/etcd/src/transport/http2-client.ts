import type { Client } from 'undici'
import type { Connector } from './connector.ts'
import { undici } from './undici.ts'

/** Bytes a peer may send ahead, per call and in all: enough to keep one large range flowing. */
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024

/** Calls in flight on one connection; etcd itself sets no limit. */
export const MAX_CONCURRENT_CALLS = 1000

/** undici's client of one URL over HTTP/2. It connects with the first request. */
export function http2Client(
  url: string,
  pingIntervalMs: number,
  connect: (...given: Parameters<Connector>) => void,
): Client {
  return new (undici().Client)(url, {
    connect,
    allowH2: true,
    // What holds while there is no session: calls left on one that is shutting down must not keep back new ones.
    pipelining: MAX_CONCURRENT_CALLS,
    h2Options: {
      useH2c: url.startsWith('http:'),
      maxConcurrentStreams: MAX_CONCURRENT_CALLS,
      connectionWindowSize: CONNECTION_WINDOW_BYTES,
      initialWindowSize: STREAM_WINDOW_BYTES,
      pingInterval: pingIntervalMs,
    } as NonNullable<Client.Options['h2Options']>,
    // etcd takes at most two pings on a connection without calls before it closes it as a nuisance.
    keepAliveTimeout: pingIntervalMs === 0 ? 60_000 : pingIntervalMs * 1.5,
  })
}
