import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import type { CallOptions, Channel, DuplexStream, Method, StreamHandlers } from '../transport/transport.ts'
import type { UnaryOptions } from '../transport/unary-request.ts'
import type { TxnRequest } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import { WatchRequest, WatchResponse } from '../wire/watch.ts'

/** Time that moves only when told. Starts at 1,000,000. */
export class ManualClock implements Clock {
  #now = 1_000_000
  #stepped = 0
  #timers: { readonly at: number; readonly order: number; run(): void }[] = []
  #order = 0

  now(): number {
    return this.#now
  }

  monotonicNow(): number {
    return this.#now - this.#stepped
  }

  setTimeout(run: () => void, ms: number): unknown {
    // As Node: it fires at once.
    if (ms > 2 ** 31 - 1) throw new RangeError(`a timer of ${ms} ms overflows`)
    this.#order += 1
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order, run }
    this.#timers.push(timer)
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#timers = this.#timers.filter((each) => each !== timer)
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.length
  }

  /** Runs every timer that falls due meanwhile, in order. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= until)
      const [next] = due.sort((a, b) => a.at - b.at || a.order - b.order)
      if (next === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
    }
    this.#now = until
  }

  /** A step of the clock: no timer notices. */
  step(ms: number): void {
    this.#now += ms
    this.#stepped += ms
    this.#timers = this.#timers.map((timer) => Object.assign(timer, { at: timer.at + ms }))
  }
}

/** What a watch create looks like on the other side. */
export type CreateRequest = Extract<NonNullable<WatchRequest['request']>, { type: 'create' }>['value']

/** The other side of one watch stream. */
export class ScriptedStream {
  readonly endpoint: string
  readonly avoided: string | undefined
  /** All that the client has sent, decoded. */
  readonly sent: NonNullable<WatchRequest['request']>[] = []
  isCancelled = false
  isOver = false
  /** What other calls of the connection have received. */
  othersBytes = 0
  /** A ping of its connection is not answered either. */
  isPeerSilent = false
  onSent: (request: NonNullable<WatchRequest['request']>) => void = () => undefined
  readonly #handlers: StreamHandlers<WatchResponse>

  constructor(endpoint: string, avoided: string | undefined, handlers: StreamHandlers<WatchResponse>) {
    this.endpoint = endpoint
    this.avoided = avoided
    this.#handlers = handlers
  }

  get creates(): CreateRequest[] {
    return this.sent.flatMap((request) => (request.type === 'create' ? [request.value] : []))
  }

  get cancels(): number[] {
    return this.sent.flatMap((request) => (request.type === 'cancel' ? [request.value.watchId] : []))
  }

  get progressRequests(): number {
    return this.sent.filter((request) => request.type === 'progress').length
  }

  /** Gives the client an answer, through the codec. */
  answer(response: Init<WatchResponse>): void {
    if (!this.isOver) this.#handlers.onMessage(WatchResponse.decode(WatchResponse.encode(response)))
  }

  /** Gives the client a part of an answer. */
  answerPart(): void {
    if (!this.isOver) this.#handlers.onPart?.()
  }

  /** Ends the stream from the server's side. */
  end(error?: EtcdError): void {
    if (this.isOver) return
    this.isOver = true
    this.#handlers.onEnd(error)
  }

  /** The client's side. */
  get duplex(): DuplexStream<WatchRequest> {
    const state = (): Pick<ScriptedStream, 'othersBytes' | 'isPeerSilent'> => this
    return {
      endpoint: this.endpoint,
      get othersBytes() {
        return state().othersBytes
      },
      get isPeerSilent() {
        return state().isPeerSilent
      },
      send: (message) => {
        const { request } = WatchRequest.decode(WatchRequest.encode(message))
        if (request === undefined) throw new Error('an empty request was sent')
        this.sent.push(request)
        this.onSent(request)
      },
      end: () => undefined,
      cancel: () => {
        this.isCancelled = true
        queueMicrotask(() => this.end(new EtcdError('cancelled')))
      },
    }
  }
}

/** A channel whose streams are played by the test. */
export class ScriptedChannel implements Channel {
  readonly streams: ScriptedStream[] = []
  readonly calls: { readonly path: string; readonly request: unknown }[] = []
  tokenRefreshes = 0
  clusterId: bigint | undefined
  /** Called with the options of each unary call before it is answered. */
  onCall: (options: UnaryOptions) => void = () => undefined
  /** Plays the server of unary calls. */
  onUnary: (path: string, request: unknown) => unknown = () => {
    throw new EtcdError('unavailable')
  }
  /** Plays the server of transactions, where it is set. */
  onTxn: ((request: TxnRequest) => unknown) | undefined
  lastTxn: TxnRequest | undefined
  onRefresh: () => Promise<void> = () => Promise.resolve()
  onStream: (stream: ScriptedStream) => void = () => undefined
  readonly #endpoints: readonly string[]

  constructor(endpoints: readonly string[] = ['http://a:2379', 'http://b:2379']) {
    this.#endpoints = endpoints
  }

  /** The stream opened last. */
  get lastStream(): ScriptedStream {
    const last = this.streams.at(-1)
    if (last === undefined) throw new Error('no stream was opened')
    return last
  }

  async unary<Req, Res>(
    method: Method<Req, Res>,
    given: Init<NoInfer<Req>>,
    options: UnaryOptions = {},
  ): Promise<Res> {
    options.signal?.throwIfAborted()
    const request = method.request.decode(method.request.encode(given as Init<Req>))
    this.calls.push({ path: method.path, request })
    this.onCall(options)
    if (method.path.endsWith('/Txn')) this.lastTxn = request as TxnRequest
    const play = method.path.endsWith('/Txn') ? this.onTxn : undefined
    const answer = (await (play?.(request as TxnRequest) ?? this.onUnary(method.path, request))) as Init<Res>
    return method.response.decode(method.response.encode(answer))
  }

  stream<Req, Res>(
    _method: Method<Req, Res>,
    handlers: StreamHandlers<Res>,
    options: CallOptions & { avoid?: string } = {},
  ): DuplexStream<Req> {
    const index = this.streams.length % this.#endpoints.length
    const endpoint = options.endpoint ?? this.#endpoints[index] ?? 'http://a:2379'
    const stream = new ScriptedStream(
      endpoint,
      options.avoid,
      handlers as unknown as StreamHandlers<WatchResponse>,
    )
    this.streams.push(stream)
    this.onStream(stream)
    return stream.duplex as unknown as DuplexStream<Req>
  }

  refreshToken(): Promise<void> {
    this.tokenRefreshes += 1
    return this.onRefresh()
  }

  endpoints(): readonly string[] {
    return this.#endpoints
  }

  backoffMs(attempt: number): number {
    return 10 * 2 ** Math.min(attempt, 6)
  }
}

/** Lets promises settle. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await Promise.resolve()
}
