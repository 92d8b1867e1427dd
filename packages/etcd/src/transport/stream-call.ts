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
import type { Connection } from './connection.ts'
import { encodeRequest } from './encode-request.ts'
import type { Endpoint } from './endpoint.ts'
import { MessageQueue } from './message-queue.ts'
import { errorOfNetwork } from './network-errors.ts'
import { type Headers, isGrpc, type CallSite } from './status.ts'
import { StreamOpening } from './stream-opening.ts'
import { lostStream, verdictOf } from './stream-verdict.ts'
import type { CallOptions, DuplexStream, StreamHandlers } from './transport.ts'
import type { Sending } from './undici/session-guard.ts'
import { Unheard } from './unheard.ts'

/** Options of one duplex call. `onSent` is called when the stream goes out, with what was sent on it so far. */
export type StreamOptions = CallOptions & { readonly avoid?: string; readonly onSent?: () => void }

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
  #endpoint: Endpoint | undefined
  #connection: Connection | undefined
  #controller: Dispatcher.DispatchController | undefined
  #headers: Headers = {}
  #httpStatus = 0
  /** The cluster the stream accepts messages from; `undefined` while there is none. */
  #expected: bigint | undefined
  #isSent = false
  #isEnded = false
  #isStarting = false
  #isCancelled = false
  readonly #unheard: Unheard
  #token: string | undefined
  readonly #acceptance: CallToken
  #liftLimits: (() => void) | undefined

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
        this.#endpoint = endpoint
      },
      onReady: (endpoint) => this.#begin(endpoint),
      onFailed: (error) => this.#end(error),
    })
    this.#unheard = new Unheard(method.path)
    this.#acceptance = new CallToken(context)
    this.#frames = new FrameReader((payload) => this.#onFrame(payload), context.maxResponseBytes)
  }

  get endpoint(): string {
    return this.#endpoint?.url ?? 'no endpoint yet'
  }

  get othersBytes(): number {
    return this.#connection?.peer.callBytes ?? 0
  }

  get isPeerSilent(): boolean {
    return this.#connection?.peer.isSilent ?? false
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
      },
      onAbort: (reason) => this.stop(this.#cancelled(reason)),
    })
    this.#isStarting = true
    this.#opening.start()
    this.#isStarting = false
  }

  send(message: Init<Req>): void {
    this.#unheard.note()
    this.#outgoing.push(encodeRequest(this.#method, message))
  }

  suspect(): void {
    if (!this.#isSent || this.#isEnded) return
    this.#acceptance.doubt(this.#connection!, this.#token)
    this.#unheard.suspect(this.#context.balancer)
  }

  answered(sentAt: number): void {
    this.#unheard.answered(sentAt)
  }

  end(): void {
    this.#outgoing.end()
  }

  cancel(): void {
    this.#isCancelled = true
    queueMicrotask(() => this.stop(this.#cancelled(undefined)))
  }

  stop(error: EtcdError): void {
    if (this.#isEnded) return
    const controller = this.#controller
    this.#end(error.with({ fate: this.#isSent ? 'unknown' : 'not_sent' }))
    if (controller === undefined) this.#connection?.withdraw(this)
    else controller.abort(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#isEnded) {
      controller.abort(this.#cancelled(undefined))
      return
    }
    if (this.#isSent) {
      controller.abort(lostStream('the server rejected the stream while it was in progress', this.#place))
      return
    }
    this.#controller = controller
    this.#connection!.starts(this)
  }

  onSent(): void {
    this.#isSent = true
    this.#unheard.opened(this.#connection!)
    this.#acceptance.expect(this.#connection!, this.#token, (error) => this.stop(error.with(this.#place)))
    const { onSent } = this.#options
    if (onSent) callIsolated(onSent, (error) => this.#context.logger.warn('onSent threw', { error }))
  }

  onUnsent(): void {
    this.#isSent = false
  }

  onResponseStart(_: Dispatcher.DispatchController, httpStatus: number, headers: Headers): void {
    this.#httpStatus = httpStatus
    this.#headers = headers
    this.#unheard.responded()
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#connection!.peer.hear(this.#method.path === Watch.watch.path ? 0 : chunk.length)
    if (this.#isEnded || !isGrpc(this.#httpStatus, this.#headers)) return
    try {
      this.#frames.push(chunk)
      if (!this.#isEnded && !this.#frames.isAtBoundary) this.#handlers.onPart?.()
    } catch (error) {
      if (error instanceof EtcdError) this.stop(error.with({ ...this.#place, fate: 'unknown' }))
      else this.stop(errorOfNetwork(error, true, this.#place))
    }
  }

  onResponseEnd(_: Dispatcher.DispatchController, trailers: Headers): void {
    this.#connection!.release(this)
    if (this.#isEnded) return
    const ending = { httpStatus: this.#httpStatus, headers: this.#headers, trailers }
    this.#end(verdictOf({ ...ending, isAtBoundary: this.#frames.isAtBoundary }, this.#place))
  }

  onResponseError(_: Dispatcher.DispatchController | null, cause: Error): void {
    this.#connection!.release(this)
    if (!this.#isEnded) this.#end(errorOfNetwork(cause, this.#isSent, this.#place))
  }

  get #place(): CallSite {
    return { endpoint: this.endpoint, call: callName(this.#method.path) }
  }

  #begin(endpoint: Endpoint): void {
    const { tokens, headers } = this.#context
    this.#endpoint = endpoint
    this.#connection = endpoint.connection
    this.#token = tokens.token
    const given = headers(this.#token, this.#options.requireLeader ?? true)
    this.#connection.start(this.#method.path, given, this.#outgoing, this)
  }

  #onFrame(payload: Buffer): void {
    if (this.#isEnded || this.#isCancelled) return
    this.#unheard.heard()
    const { identity } = this.#context.balancer
    const foreign = hasHeader(this.#method.path)
      ? identity.judge(payload, this.#endpoint!, this.#expected, this.#place)
      : undefined
    if (foreign !== undefined) {
      this.stop(foreign)
      return
    }
    this.#expected ??= identity.clusterId
    const message = this.#method.response.decode(payload)
    try {
      if (this.#handlers.isAccepting?.(message) ?? true) this.#acceptance.settle()
      this.#handlers.onMessage(message)
    } catch (error) {
      this.#context.logger.error('A handler of stream messages threw', { ...this.#place, error })
    }
  }

  #cancelled(cause: unknown): EtcdError {
    return new EtcdError('cancelled', { ...this.#place, cause, fate: this.#isSent ? 'unknown' : 'not_sent' })
  }

  #end(error: EtcdError | undefined): void {
    if (this.#isEnded) return
    if (this.#isStarting) {
      queueMicrotask(() => this.#end(error))
      return
    }
    this.#isEnded = true
    this.#opening.stop()
    const { open, logger } = this.#context
    open.delete(this)
    this.#acceptance.settle()
    this.#liftLimits?.()
    this.#outgoing.clear()
    if (error === undefined) this.#endpoint?.succeeded()
    else if (errorCodes[error.code].blamesEndpoint) this.#endpoint?.failed()
    try {
      this.#handlers.onEnd(error)
    } catch (thrown) {
      logger.error('A handler of a stream end threw', { ...this.#place, error: thrown })
    }
  }
}
