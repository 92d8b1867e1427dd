import type { Init, Method } from '@livetree/etcd/wire'
import type { Caller } from '../auth/caller.ts'

/** What a handler may know of a call besides its message. */
export interface CallContext {
  readonly caller: Caller
  /** Size of the request's message in bytes; 0 on streams. */
  readonly requestBytes: number
}

/** The server's half of an open duplex call. */
export interface ServerStream<Res> {
  /** False when the client reads slowly; `drain` of the handler comes when it has caught up. */
  send(message: Init<Res>): boolean
  /** Ends the call with an error: what is no `StatusError` is a mistake of ours. */
  fail(error: unknown): void
  /** Ends the call with status OK; `close` of the handler is still called. */
  end(): void
}

/** What a service does with an open duplex call. */
export interface StreamHandler<Req> {
  /** Whole messages, in order. What it throws ends the call with that status. */
  receive(message: Req): void
  /** The client sends no more. */
  end(): void
  drain(): void
  /** The call is over, for whatever reason. Called once. */
  close(): void
}

/** One method with the code behind it; `Req` and `Res` are the method's own. */
export type Route =
  | {
      readonly type: 'unary'
      readonly method: Method<unknown, unknown>
      handle(request: unknown, context: CallContext): unknown
    }
  | {
      readonly type: 'duplex'
      readonly method: Method<unknown, unknown>
      open(stream: ServerStream<unknown>, context: CallContext): StreamHandler<unknown>
    }

/** A method with one request and one answer. A `StatusError` it throws, or rejects with, goes to the client. */
export function unary<Req, Res>(
  method: Method<Req, Res>,
  handle: (request: Req, context: CallContext) => Init<Res> | Promise<Init<Res>>,
): Route {
  return { type: 'unary', method, handle } as Route
}

/** A method on which both sides stream. */
export function duplex<Req, Res>(
  method: Method<Req, Res>,
  open: (stream: ServerStream<Res>, context: CallContext) => StreamHandler<Req>,
): Route {
  return { type: 'duplex', method, open } as Route
}
