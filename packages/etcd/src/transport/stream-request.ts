import type { Dispatcher } from 'undici'
import type { Connection } from './connection.ts'
import type { Endpoint } from './endpoint.ts'

/** A request that was handed to a connection. */
interface HandedOver {
  readonly endpoint: Endpoint
  readonly connection: Connection
  readonly token: string | undefined
}

/** How far the request of a stream has come. It stays as it is when the stream ends. */
export type RequestState =
  | { readonly type: 'unplaced' }
  | { readonly type: 'connecting'; readonly endpoint: Endpoint }
  /** It waits in the connection for room. */
  | ({ readonly type: 'queued' } & HandedOver)
  /** undici has begun it; the peer has not got it yet. */
  | ({ readonly type: 'begun'; readonly controller: Dispatcher.DispatchController } & HandedOver)
  /** The peer may have got it. */
  | ({ readonly type: 'sent'; readonly controller: Dispatcher.DispatchController } & HandedOver)

/** The connection of a request that was handed to one. */
export function connectionOf(request: RequestState): Connection | undefined {
  return 'connection' in request ? request.connection : undefined
}

/** The endpoint that a request is at, or waits for. */
export function endpointOf(request: RequestState): Endpoint | undefined {
  return request.type === 'unplaced' ? undefined : request.endpoint
}
