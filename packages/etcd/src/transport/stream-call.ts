import { AsyncLocalStorage } from 'node:async_hooks'
import type { Dispatcher } from 'undici'
import { callIsolated } from '../call-isolated.ts'
import { errorCodes } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import { FrameReader } from '../wire/frame.ts'
import type { Init } from '../wire/message-type.ts'
import { type Method, Watch } from '../wire/rpc.ts'
import { limitCall } from './call-limits.ts'
import { callName, hasHeader } from './call-name.ts'
import type { CallContext, OpenCall } from './call-context.ts'
import { CallToken } from './call-token.ts'
import { encodeRequest } from './encode-request.ts'
import type { Endpoint } from './endpoint.ts'
import { MessageQueue } from './message-queue.ts'
import { errorOfNetwork } from './network-errors.ts'
import { type Headers, isGrpc, type CallSite } from './status.ts'
import { StreamOpening } from './stream-opening.ts'
import { connectionOf, endpointOf, type RequestState } from './stream-request.ts'
import { lostStream, verdictOf } from './stream-verdict.ts'
import type { CallOptions, DuplexStream, StreamHandlers } from './transport.ts'
import type { Sending } from './undici/session-guard.ts'
import { Unheard } from './unheard.ts'

/** Options of one duplex call. `onSent` is called when the stream goes out, with what was sent on it so far. */
export type StreamOptions = CallOptions & { readonly avoid?: string; readonly onSent?: () => void }

/**
 * Which handlers may be called: none before `start` has returned, `onEnd` alone once the caller has cancelled, and none
 * after it.
 */
type Delivery = 'starting' | 'open' | 'cancelled' | 'ended'

/** The begin of a response. */
interface ResponseHead {
  readonly httpStatus: number
  readonly headers: Headers
}

/** One duplex call on one connection. Its response is never paused. */
export class StreamCall<Req, Res>
  implements DuplexStream<Req>, Dispatcher.DispatchHandler, OpenCall, Sending
{
  readonly #context: CallContext
  readonly #method: Method<Req, Res>
  readonly #handlers: StreamHandlers<Res>
  readonly #options: StreamOptions
  readonly #outgoing = new MessageQueue()
  readonly #frames: FrameReader
  readonly #opening: StreamOpening
  #request: RequestState = { type: 'unplaced' }
  #response: ResponseHead = { httpStatus: 0, headers: {} }
  #delivery: Delivery = 'open'
  /** The cluster the stream accepts messages from; `undefined` while there is none. */
  #expected: bigint | undefined
  readonly #unheard: Unheard
  readonly #acceptance: CallToken
  /** The context of its caller: bytes arrive in that of whatever call made undici begin the request. */
  readonly #inContext = AsyncLocalStorage.snapshot()
  #liftLimits = (): void => undefined

  constructor(
    context: CallContext,
    method: Method<Req, Res>,
    handlers: StreamHandlers<Res>,
    options: StreamOptions,
  ) {
    this.#context = context
    this.#method = method
    this.#handlers = handlers
    this.#options = options
    this.#opening = new StreamOpening(context, callName(method.path), options, {
      onTrying: (endpoint) => {
        this.#request = { type: 'connecting', endpoint }
      },
      onReady: (endpoint) => this.#begin(endpoint),
      onFailed: (error) => this.#end(error),
    })
    this.#unheard = new Unheard(method.path)
    this.#acceptance = new CallToken(context)
    this.#frames = new FrameReader((payload) => this.#onFrame(payload), context.maxResponseBytes)
  }

  get endpoint(): string {
    return endpointOf(this.#request)?.url ?? 'no endpoint yet'
  }

  get othersBytes(): number {
    return connectionOf(this.#request)?.peer.callBytes ?? 0
  }

  get isPeerSilent(): boolean {
    return connectionOf(this.#request)?.peer.isSilent ?? false
  }

  /** Starts the call. No handler is called before this returns. */
  start(): void {
    const { closed, clock, open } = this.#context
    const { signal, timeoutMs } = this.#options
    open.add(this)
    this.#expected = this.#options.clusterId ?? this.#context.balancer.identity.clusterId
    if (closed !== undefined || signal?.aborted) {
      queueMicrotask(() => this.#end(closed ?? this.#cancelled(signal?.reason)))
      return
    }
    const what = `the stream was open for ${timeoutMs} ms`
    this.#liftLimits = limitCall(clock, timeoutMs, signal, {
      onDeadline: () => {
        if (this.#unheard.isOverdue) this.suspect()
        this.stop(new EtcdError('deadline_exceeded', { ...this.#place, what }))
        return false
      },
      onAbort: (reason) => this.stop(this.#cancelled(reason)),
    })
    this.#delivery = 'starting'
    this.#opening.start()
    if (this.#delivery === 'starting') this.#delivery = 'open'
  }

  send(message: Init<Req>): void {
    this.#unheard.note()
    this.#outgoing.push(encodeRequest(this.#method, message))
  }

  suspect(): void {
    const request = this.#request
    if (request.type !== 'sent' || this.#delivery === 'ended') return
    this.#acceptance.doubt(request.connection, request.token)
    this.#unheard.suspect(this.#context.balancer)
  }

  answered(sentAt: number): void {
    this.#unheard.answered(sentAt)
  }

  end(): void {
    this.#outgoing.end()
  }

  cancel(): void {
    if (this.#delivery !== 'ended') this.#delivery = 'cancelled'
    queueMicrotask(() => this.stop(this.#cancelled(undefined)))
  }

  stop(error: EtcdError): void {
    if (this.#delivery === 'ended') return
    const request = this.#request
    this.#end(error.with({ fate: this.#fate }))
    if (request.type === 'queued') request.connection.withdraw(this)
    else if (request.type === 'begun' || request.type === 'sent') request.controller.abort(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const request = this.#request
    if (this.#delivery === 'ended' || !('connection' in request)) {
      controller.abort(this.#cancelled(undefined))
      return
    }
    if (request.type === 'sent') {
      controller.abort(lostStream('the server rejected the stream while it was in progress', this.#place))
      return
    }
    this.#request = { ...request, type: 'begun', controller }
    request.connection.starts(this)
  }

  onSent(): void {
    const request = this.#request
    if (request.type !== 'begun') return
    const { connection, token } = request
    this.#request = { ...request, type: 'sent' }
    this.#unheard.opened(connection)
    this.#acceptance.expect(connection, token, (error) => this.stop(error.with(this.#place)))
    const { onSent } = this.#options
    if (onSent) callIsolated(onSent, (error) => this.#context.logger.warn('onSent threw', { error }))
  }

  onUnsent(): void {
    if (this.#request.type === 'sent') this.#request = { ...this.#request, type: 'begun' }
  }

  onResponseStart(_: Dispatcher.DispatchController, httpStatus: number, headers: Headers): void {
    this.#response = { httpStatus, headers }
    this.#unheard.responded()
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    connectionOf(this.#request)?.peer.hear(this.#method.path === Watch.watch.path ? 0 : chunk.length)
    if (this.#delivery === 'ended' || !isGrpc(this.#response.httpStatus, this.#response.headers)) return
    try {
      this.#frames.push(chunk)
      if (!this.#hasEnded && !this.#frames.isAtBoundary) this.#inContext(() => this.#handlers.onPart?.())
    } catch (error) {
      if (error instanceof EtcdError) this.stop(error.with({ ...this.#place, fate: 'unknown' }))
      else this.stop(errorOfNetwork(error, true, this.#place))
    }
  }

  onResponseEnd(_: Dispatcher.DispatchController, trailers: Headers): void {
    connectionOf(this.#request)?.release(this)
    if (this.#delivery === 'ended') return
    const { isAtBoundary } = this.#frames
    this.#end(verdictOf({ ...this.#response, trailers, isAtBoundary }, this.#place))
  }

  onResponseError(_: Dispatcher.DispatchController | null, cause: Error): void {
    connectionOf(this.#request)?.release(this, cause)
    if (this.#delivery !== 'ended')
      this.#end(errorOfNetwork(cause, this.#request.type === 'sent', this.#place))
  }

  get #place(): CallSite {
    return { endpoint: this.endpoint, call: callName(this.#method.path) }
  }

  /** For code during which the state may change, unknown to the compiler. */
  get #hasEnded(): boolean {
    return this.#delivery === 'ended'
  }

  get #fate(): 'unknown' | 'not_sent' {
    return this.#request.type === 'sent' ? 'unknown' : 'not_sent'
  }

  #begin(endpoint: Endpoint): void {
    const { tokens, headers } = this.#context
    const { connection } = endpoint
    const { token } = tokens
    this.#request = { type: 'queued', endpoint, connection, token }
    const given = headers(token, this.#options.requireLeader ?? true)
    connection.start(this.#method.path, given, this.#outgoing, this)
  }

  #onFrame(payload: Buffer): void {
    const request = this.#request
    if (this.#delivery !== 'open' || request.type === 'unplaced') return
    this.#unheard.heard()
    const { identity } = this.#context.balancer
    const foreign = hasHeader(this.#method.path)
      ? identity.judge(payload, request.endpoint, this.#expected, this.#place)
      : undefined
    if (foreign !== undefined) {
      this.stop(foreign)
      return
    }
    this.#expected ??= identity.clusterId
    const message = this.#method.response.decode(payload)
    try {
      if (this.#handlers.isAccepting?.(message) ?? true) this.#acceptance.settle()
      this.#inContext(() => this.#handlers.onMessage(message))
    } catch (error) {
      this.#context.logger.error('A handler of stream messages threw', { ...this.#place, error })
    }
  }

  #cancelled(cause: unknown): EtcdError {
    return new EtcdError('cancelled', { ...this.#place, cause, fate: this.#fate })
  }

  #end(error: EtcdError | undefined): void {
    if (this.#delivery === 'ended') return
    if (this.#delivery === 'starting') {
      queueMicrotask(() => this.#end(error))
      return
    }
    this.#delivery = 'ended'
    this.#opening.stop()
    const { open, logger } = this.#context
    open.delete(this)
    this.#acceptance.settle()
    this.#liftLimits()
    this.#outgoing.clear()
    const endpoint = endpointOf(this.#request)
    if (error === undefined) endpoint?.succeeded()
    else if (errorCodes[error.code].blamesEndpoint) endpoint?.failed()
    try {
      this.#inContext(() => this.#handlers.onEnd(error))
    } catch (thrown) {
      logger.error('A handler of a stream end threw', { ...this.#place, error: thrown })
    }
  }
}
