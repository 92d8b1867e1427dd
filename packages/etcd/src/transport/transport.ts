import type { EtcdError } from '../errors.ts'
import type { Init } from '../wire/message-type.ts'
import type { Method } from '../wire/rpc.ts'

export type { Method } from '../wire/rpc.ts'

export interface StreamHandlers<Res> {
  /** Whole messages, in order, called synchronously as they arrive. The stream is never paused: a slow reader must bound itself. */
  onMessage(message: Res): void
  /** Bytes came of a message that is not whole yet: somebody is there, though the message takes long. Must not throw. */
  onPart?(): void
  /** Called exactly once, also after `cancel()`; `error` is undefined when the server ended with status OK. */
  onEnd(error: EtcdError | undefined): void
}

/** One open duplex call. Messages sent before the connection stands are kept and sent in order. */
export interface DuplexStream<Req> {
  /** The endpoint's URL, for messages. */
  readonly endpoint: string
  send(message: Init<Req>): void
  /** Half-close: no more messages from us. */
  end(): void
  /** Resets the stream; `onEnd` follows with code `cancelled`. */
  cancel(): void
}

export interface CallOptions {
  /** Milliseconds until the call fails with `deadline_exceeded`; no default here, the client resolves it. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Reject answers of a member without leader: sends `hasleader: true`. On by default for streams. */
  readonly requireLeader?: boolean
  /** Told of each attempt that failed and is made again, so that a long wait has a reason. Must not throw. */
  readonly onRetry?: (error: EtcdError) => void
  /** Answers of another cluster than this one fail with `cluster_changed`. Default: the cluster in hand when the call begins. */
  readonly clusterId?: bigint
  /** Only this endpoint (its URL), for calls that speak of one member: status, defragment, snapshot. */
  readonly endpoint?: string
}

/**
 * What the services (kv, watch, lease, …) stand on: picks a healthy endpoint, adds the token, retries what may be
 * retried (ETCD T2), refreshes the token once for all callers, translates every failure into an EtcdError. A method, handlers
 * or options that cannot be used are `invalid_argument`, thrown by `stream` and by `backoffMs`.
 */
export interface Channel {
  unary<Req, Res>(
    method: Method<Req, Res>,
    request: Init<NoInfer<Req>>,
    options?: CallOptions & { retry?: RetryClass },
  ): Promise<Res>
  /** One attempt on one endpoint; whoever opened the stream decides what to resume. `avoid` names an endpoint not to take if another is there. */
  stream<Req, Res>(
    method: Method<Req, Res>,
    handlers: StreamHandlers<Res>,
    options?: CallOptions & { avoid?: string },
  ): DuplexStream<Req>
  /** Gets a new token (single flight); for calls refused in-band, as watch creates are. Resolves at once without credentials. */
  refreshToken(): Promise<void>
  /**
   * The cluster all answers are of; `undefined` before the first. When every endpoint answers for another one, that one
   * is taken, and whatever was under way fails with `cluster_changed`.
   */
  readonly clusterId: bigint | undefined
  /** URLs of the endpoints in use now: the seeds and the members adopted since. */
  endpoints(): readonly string[]
  /** Delay before the attempt number `attempt` (0 is the first retry), with jitter. */
  backoffMs(attempt: number): number
}

/** What may be sent again: `read` in any state; `write` only when nothing was sent or the server says not applied. */
export type RetryClass = 'read' | 'write'
