import type { Client } from 'undici'
import type { Connector } from './connector.ts'
import { undici } from './undici.ts'

/** Flow-control windows, in bytes per call and per connection: enough to keep one large range flowing. */
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024

/** Maximum number of concurrent calls on one connection; etcd itself sets no limit. */
export const MAX_CONCURRENT_CALLS = 1000

/** Creates undici's HTTP/2 client for one URL. It connects with the first request. */
export function http2Client(
  url: string,
  pingIntervalMs: number,
  connect: (...given: Parameters<Connector>) => void,
): Client {
  return new (undici().Client)(url, {
    connect,
    allowH2: true,
    // Applies while there is no session: calls on a session that is shutting down must not block new ones.
    pipelining: MAX_CONCURRENT_CALLS,
    h2Options: {
      useH2c: url.startsWith('http:'),
      maxConcurrentStreams: MAX_CONCURRENT_CALLS,
      connectionWindowSize: CONNECTION_WINDOW_BYTES,
      initialWindowSize: STREAM_WINDOW_BYTES,
      pingInterval: pingIntervalMs,
    } as NonNullable<Client.Options['h2Options']>,
    // etcd accepts at most two pings on a connection without calls and then closes it.
    keepAliveTimeout: pingIntervalMs === 0 ? 60_000 : pingIntervalMs * 1.5,
  })
}

/** Makes a client connect, by a request that is aborted before any part of it is sent. */
export function knock(client: Client, onError: (error: Error) => void): void {
  const nothing = (): undefined => undefined
  client.dispatch(
    { path: '/', method: 'POST' },
    {
      onRequestStart: (controller) => controller.abort(new Error('connected')),
      onResponseStart: nothing,
      onResponseData: nothing,
      onResponseEnd: nothing,
      onResponseError: (_, error) => onError(error),
    },
  )
}
