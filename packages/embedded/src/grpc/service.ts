import type { Init, Method } from '@livetree/etcd/wire'
import type { Caller } from '../auth/caller.ts'

/** What a handler receives besides the message. */
export interface CallContext {
  readonly caller: Caller
  /** Size of the request message in bytes; 0 on streams. */
  readonly requestBytes: number
  /** Calls the listener when the call has ended, for whatever reason. */
  onClose(listener: () => void): void
}

/** The server's side of an open duplex call. */
export interface ServerStream<Res> {
  /** Returns false if the client reads slowly; the handler's `drain` is called when it has caught up. */
  send(message: Init<Res>): boolean
  /** Ends the call with an error; anything but a `StatusError` is reported as an internal error. */
  fail(error: unknown): void
  /** Ends the call with status OK; the handler's `close` is still called. */
  end(): void
}

/** One call of a client, over gRPC or as JSON: messages in, messages out, a status at the end. */
export interface ServerCall extends ServerStream<unknown> {
  /** Whether the client wants an error rather than a wait while there is no leader. */
  readonly requiresLeader: boolean
  /**
   * Reads every message. `onMessage` receives each with its size; `onEnd` is called when the client sends no
   * more.
   */
  read(onMessage: (message: unknown, bytes: number) => void, onEnd: () => void): void
  /** Reads one message; as in etcd, anything after it is ignored. */
  readOne(onMessage: (message: unknown, bytes: number) => void): void
  onDrain(listener: () => void): void
  /** The call has ended, for whatever reason. */
  onClose(listener: () => void): void
  /** Sends the only response and ends the call. */
  answer(message: Init<unknown>): void
  /** Breaks the call off without a status. */
  reset(): void
}

/** How a service handles an open duplex call. */
export interface StreamHandler<Req> {
  /** Receives complete messages, in order. An exception ends the call with that status. */
  receive(message: Req): void
  /** The client sends no more messages. */
  end(): void
  drain(): void
  /** The call has ended, for whatever reason. Called once. */
  close(): void
}

/** A method with its implementation; `Req` and `Res` are the method's own types. */
export type Route =
  | {
      readonly type: 'unary'
      readonly method: Method<unknown, unknown>
      /** Whether the response may take as long as a stream; such a call ends like one when the server closes. */
      readonly waits: boolean
      handle(request: unknown, context: CallContext): unknown
    }
  | {
      readonly type: 'duplex'
      readonly method: Method<unknown, unknown>
      open(stream: ServerStream<unknown>, context: CallContext): StreamHandler<unknown>
    }

/**
 * A method with one request and one response. A `StatusError` that is thrown or rejected is sent to the
 * client.
 */
export function unary<Req, Res>(
  method: Method<Req, Res>,
  handle: (request: Req, context: CallContext) => Init<Res> | Promise<Init<Res>>,
): Route {
  return { type: 'unary', method, waits: false, handle } as Route
}

/** A method with one request and one response that may wait for other clients. */
export function waiting<Req, Res>(
  method: Method<Req, Res>,
  handle: (request: Req, context: CallContext) => Promise<Init<Res>>,
): Route {
  return { type: 'unary', method, waits: true, handle } as Route
}

/** A method with streams in both directions. */
export function duplex<Req, Res>(
  method: Method<Req, Res>,
  open: (stream: ServerStream<Res>, context: CallContext) => StreamHandler<Req>,
): Route {
  return { type: 'duplex', method, open } as Route
}
