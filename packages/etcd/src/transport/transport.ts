import type { EtcdError } from '../errors.ts'
import type { Init } from '../wire/message-type.ts'
import type { Method } from '../wire/rpc.ts'

export type { Method } from '../wire/rpc.ts'

/** Callbacks of a duplex call, called in the asynchronous context of whoever opened it. */
export interface StreamHandlers<Res> {
  /**
   * Receives complete messages, in order and synchronously. The stream is never paused: slow receivers must
   * limit themselves.
   */
  onMessage(message: Res): void
  /**
   * Called for bytes of an incomplete message: a sign of life while a large message arrives. Must not throw.
   */
  onPart?(): void
  /**
   * True if the message shows that the server accepts the client's token on this stream. Default: every message
   * does. Must not throw.
   */
  isAccepting?(message: Res): boolean
  /** Called exactly once, also after `cancel()`; `error` is undefined if the server ended with status OK. */
  onEnd(error: EtcdError | undefined): void
}

/** One open duplex call. Messages sent before it is connected are queued and sent in order. */
export interface DuplexStream<Req> {
  /** URL of the endpoint, for error messages. */
  readonly endpoint: string
  /**
   * Number of bytes that calls other than watches have received over the connection so far: while they come, answers may wait
   * behind them.
   */
  readonly othersBytes?: number
  /** True if the connection leaves a ping unanswered: its peer is dead, and not only slow. */
  readonly isPeerSilent?: boolean
  send(message: Init<Req>): void
  /** Half-closes the stream: the client sends no more messages. */
  end(): void
  /** Resets the stream; `onEnd` with code `cancelled` follows. */
  cancel(): void
  /**
   * The owner has waited for an answer in vain. If nothing that was sent over the connection since the request was
   * answered, or the stream before got no answer either, the connection may be broken, be it in one direction: later
   * calls get a new one, and the calls on this one go on.
   */
  suspect?(): void
  /** A message answered what the owner had sent by then, in monotonic time; events answer nothing. */
  answered?(sentAt: number): void
}

/** Options of every call on a channel. */
export interface CallOptions {
  /** Milliseconds until the call fails with `deadline_exceeded`. The client provides the default. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /**
   * Refuse to be served by a member without a leader (sends `hasleader: true`). Default: true for streams
   * only.
   */
  readonly requireLeader?: boolean
  /** Called after each failed attempt that is retried, to explain a long wait. Must not throw. */
  readonly onRetry?: (error: EtcdError) => void
  /**
   * Fail with `cluster_changed` if another cluster answers. Default: the current cluster when the call
   * starts.
   */
  readonly clusterId?: bigint
  /** URL of the only endpoint to use, for calls about one member: status, defragment, snapshot. */
  readonly endpoint?: string
}

/**
 * The basis of all services: picks a healthy endpoint, adds the token, retries what may be retried,
 * refreshes the token once for all callers and translates every failure into an EtcdError. Unusable methods,
 * handlers or options are refused with `invalid_argument`, thrown by `stream` and `backoffMs`.
 */
export interface Channel {
  unary<Req, Res>(
    method: Method<Req, Res>,
    request: Init<NoInfer<Req>>,
    options?: CallOptions & { retry?: RetryClass },
  ): Promise<Res>
  /**
   * One attempt on one endpoint; its owner decides how to resume. `avoid` names an endpoint to avoid if there
   * is another.
   */
  stream<Req, Res>(
    method: Method<Req, Res>,
    handlers: StreamHandlers<Res>,
    options?: CallOptions & { avoid?: string },
  ): DuplexStream<Req>
  /**
   * Fetches a new token, once for concurrent callers; for refusals within a stream. Resolves at once without
   * credentials.
   */
  refreshToken(): Promise<void>
  /**
   * The cluster that all answers come from; `undefined` before the first one. If all endpoints answer for
   * another cluster, that becomes the current one, and calls in progress fail with `cluster_changed`.
   */
  readonly clusterId: bigint | undefined
  /** Names the client in diagnostics. Default `etcd`. */
  readonly clientName?: string
  /** URLs of the endpoints in use: the configured ones and the members added since. */
  endpoints(): readonly string[]
  /** Delay in milliseconds before retry number `attempt`, starting with 0, with jitter. */
  backoffMs(attempt: number): number
}

/**
 * What may be sent again: `read` after any failure; `write` only if it was not sent or certainly not applied.
 */
export type RetryClass = 'read' | 'write'
