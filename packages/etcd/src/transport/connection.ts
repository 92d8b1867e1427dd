import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { Client, Dispatcher } from 'undici'
import { type Clock, monotonicNow } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { connector } from './connector.ts'
import { http2Client, MAX_CONCURRENT_CALLS } from './http2-client.ts'
import { errorOfNetwork } from './network-errors.ts'
import { LateTime } from './late-time.ts'
import { OpenSockets } from './open-sockets.ts'
import { SendBudget } from './send-budget.ts'
import { SilenceWatch } from './silence-watch.ts'
import { StreamQueue } from './stream-queue.ts'
import { guardSession, type Sending } from './undici/session-guard.ts'

/** Settings of all connections of a client. */
export interface ConnectionSettings {
  /** Returns the current certificates; a new object whenever they have changed. */
  readonly tls: (() => TlsOptions) | undefined
  /** Time limit, in milliseconds, for connecting and until the peer sends its HTTP/2 settings. */
  readonly connectTimeoutMs: number
  /** Interval of HTTP/2 pings while calls are open, in milliseconds. 0 disables them. */
  readonly pingIntervalMs: number
  readonly clock: Clock
}

/** After this time, in milliseconds, without any data while calls wait, other connections are preferred. */
const STUCK_MS = 1_000

/** A duplex body is an async iterable, which undici's types do not include. */
type Body = Buffer | AsyncIterable<Uint8Array>

interface Opening {
  readonly promise: Promise<void>
  resolve(): void
  reject(error: EtcdError): void
}

/**
 * One connection to an endpoint: opened by `open()`, closed when idle, and never reopened. No part of a call
 * is sent before the peer has sent its HTTP/2 settings. A connection that fails before that is destroyed, and
 * nothing that waited for it was sent.
 */
export class Connection {
  readonly url: string
  /** Number of times data was received from the peer. */
  activityCount = 0
  /** When the newest data was sent that the peer has certainly received, in monotonic time. */
  provenAt = Number.NEGATIVE_INFINITY
  /** How long the peer took to answer the last ping, or to send its settings, in milliseconds. */
  roundTripMs = 0
  /** The peer has proved to be an HTTP/2 server. */
  isProven = false
  /** Maximum number of concurrent calls that the peer accepts; known once the connection is ready. */
  maxCalls = MAX_CONCURRENT_CALLS
  readonly #client: Client
  readonly #settings: ConnectionSettings
  readonly #budget = new SendBudget()
  readonly #streams = new StreamQueue()
  #openCalls = 0
  /** Counts the successive sessions of this connection. */
  session = 0
  #clusterId: bigint | undefined
  /** Since when a call has waited without any answer from the peer, in monotonic time; 0 if none waits. */
  #waitingSince = 0
  /** When the peer last answered anything, in monotonic time. */
  #answeredAt = 0
  #connectedAt = 0
  /** The paths of streams that were given up because they alone got no answer. */
  readonly #deserted = new Set<string>()
  readonly #watchdog: SilenceWatch
  /** For how long calls have waited in vain. */
  readonly late = new LateTime()
  #starting: Sending | undefined
  #isRetired = false
  #isReady = false
  #opening: Opening | undefined
  #connectTimer: unknown
  #beside: Connection | undefined
  readonly #sockets = new OpenSockets()

  constructor(url: string, settings: ConnectionSettings) {
    this.url = url
    this.#settings = settings
    const { pingIntervalMs } = settings
    this.#watchdog = new SilenceWatch(settings.clock, pingIntervalMs, () => this.#giveUp())
    const connect = connector(url, settings.tls)
    this.#client = http2Client(url, pingIntervalMs, (options, callback) => {
      this.#limitConnecting()
      const socket = connect(options, callback)
      if (socket !== undefined) this.#sockets.add(socket)
    })
    this.#client.on('connect', () => this.#onConnect())
    this.#client.on('disconnect', (_url, _targets, error) => this.#onDisconnect(error))
    this.#client.on('connectionError', (_url, _targets, error) => this.#giveUpOpening(error))
  }

  /** Number of calls sent or waiting to be sent. */
  get openCalls(): number {
    return this.#openCalls
  }

  /** False once it is retired or destroyed: new calls need a new connection. */
  get isUsable(): boolean {
    return !this.#isRetired && !this.#client.destroyed
  }

  /** True if the peer has sent its HTTP/2 settings, so that calls are sent at once. */
  get isReady(): boolean {
    return this.#isReady && !this.#isRetired
  }

  /** True if there is no open call and no socket. */
  get isClosed(): boolean {
    return this.#openCalls === 0 && this.#sockets.isEmpty
  }

  /** Number of bytes received from the peer, including what TLS and HTTP/2 add. */
  get bytesRead(): number {
    return this.#sockets.bytesRead
  }

  /** True if the peer accepts no more calls; another one waits until one of them ends. */
  get isFull(): boolean {
    return this.#openCalls >= this.maxCalls
  }

  /** True if calls have been waiting for a while without any answer from the peer. */
  isStuck(now: number): boolean {
    return this.#waitingSince !== 0 && now - this.#waitingSince > STUCK_MS
  }

  /** True if it is ready and nothing was answered over it since then, in monotonic time. */
  isQuiet(since: number): boolean {
    return this.isReady && this.#answeredAt < since
  }

  /** The current monotonic time. */
  get now(): number {
    return monotonicNow(this.#settings.clock)
  }

  /** Connects without a call. Rejects with an EtcdError if that fails; the connection is then destroyed. */
  open(): Promise<void> {
    if (this.#isReady) return Promise.resolve()
    if (this.#client.destroyed) return Promise.reject(this.#givenUp())
    if (this.#opening === undefined) {
      this.#opening = Promise.withResolvers<void>()
      // The caller may have stopped waiting.
      this.#opening.promise.catch(() => undefined)
      this.#knock()
    }
    return this.#opening.promise
  }

  /** Another connection to the same peer, for questions when this one is full; destroyed with this one at the latest. */
  beside(): Connection {
    this.#beside = new Connection(this.url, this.#settings)
    return this.#beside
  }

  /**
   * Starts a call on a connection that is ready; otherwise the call fails unsent. The handler's
   * `onResponseEnd` or `onResponseError` is called exactly once, and then calls `release`; neither is called
   * for a withdrawn call.
   */
  start(path: string, headers: string[], body: Body, handler: Dispatcher.DispatchHandler): void {
    this.#openCalls += 1
    if (this.#waitingSince === 0) this.#waitingSince = monotonicNow(this.#settings.clock)
    if (!this.#client.destroyed) this.#watchdog.start(this)
    const request = {
      path,
      method: 'POST',
      headers,
      body: body as Buffer,
      // For idempotent requests undici does not wait for an answer before it sends the next one.
      idempotent: true,
      // Unary calls have a deadline of their own, and streams may be silent for any time.
      headersTimeout: 0,
      bodyTimeout: 0,
    } as const
    const bytes = Buffer.isBuffer(body) ? body.length : 0
    this.#budget.request(handler, bytes, () => {
      this.#streams.request(handler, {
        send: () => this.#client.dispatch(request, handler),
        fail: (error) => handler.onResponseError?.(null as never, error),
      })
    })
    if (!this.#isReady) queueMicrotask(() => this.#failWaiting())
  }

  /** Withdraws a call that has no stream yet: its handler is not called any more. */
  withdraw(handler: Dispatcher.DispatchHandler): void {
    if (this.#budget.settle(handler) || this.#streams.settle(handler)) this.release(handler)
  }

  /**
   * Announces the call whose request gets the next stream. Called by the handler when undici starts the
   * request.
   */
  starts(call: Sending): void {
    this.#starting = call
  }

  /** Data was received from the peer, which does not show that the peer receives. */
  hear(): void {
    this.activityCount += 1
  }

  /** The peer answered what was sent then, in monotonic time, so all data sent until then has reached it. */
  answered(sentAt: number): void {
    this.activityCount += 1
    this.#waitingSince = 0
    this.#answeredAt = this.now
    if (sentAt > this.provenAt) this.provenAt = sentAt
  }

  /**
   * A stream at this path got no answer, although others do. Returns true if it is the second in a row: then a fault of
   * this connection is more likely than a slow server.
   */
  desert(path: string): boolean {
    if (this.#deserted.has(path)) return true
    this.#deserted.add(path)
    return false
  }

  /** A stream at this path was answered. */
  visit(path: string): void {
    if (this.#deserted.size > 0) this.#deserted.delete(path)
  }

  /** The handler's call has ended. */
  release(handler: Dispatcher.DispatchHandler): void {
    this.#openCalls -= 1
    if (this.#openCalls === 0) this.#waitingSince = 0
    this.#budget.settle(handler)
    this.#streams.settle(handler)
    if (this.#isRetired && this.#openCalls === 0) void this.destroy()
  }

  /** Accepts no new calls and closes after the last one. */
  retire(): void {
    this.#isRetired = true
    if (this.#openCalls === 0) void this.destroy()
  }

  /** Ends all calls with this error and resolves when every socket is closed. */
  async destroy(error?: EtcdError): Promise<void> {
    this.#isReady = false
    this.#watchdog.stop()
    this.#settings.clock.clearTimeout(this.#connectTimer)
    this.#opening?.reject(error ?? this.#givenUp())
    this.#opening = undefined
    const destroyed = this.#client.destroy(error ?? null)
    const closed = this.#sockets.destroy()
    this.#failWaiting(error)
    await Promise.all([destroyed, closed, this.#beside?.destroy(error)])
  }

  #givenUp(what = 'the connection was closed before it was established'): EtcdError {
    return new EtcdError('connect_failed', { endpoint: this.url, what, fate: 'not_sent' })
  }

  #failWaiting(cause?: EtcdError): void {
    if (this.#isReady) return
    // Nothing that waits for the budget is sent any more.
    this.#streams.limit = 0
    this.#budget.flush()
    this.#streams.fail(cause ?? this.#givenUp('the connection was lost before the call was sent'))
  }

  /** Makes undici connect, by a request that is aborted before any part of it is sent. */
  #knock(): void {
    const nothing = () => undefined
    this.#client.dispatch(
      { path: '/', method: 'POST' },
      {
        onRequestStart: (controller) => controller.abort(new Error('connected')),
        onResponseStart: nothing,
        onResponseData: nothing,
        onResponseEnd: nothing,
        onResponseError: (_, error) => this.#giveUpOpening(error),
      },
    )
  }

  #limitConnecting(): void {
    const { clock, connectTimeoutMs } = this.#settings
    clock.clearTimeout(this.#connectTimer)
    this.#connectTimer = clock.setTimeout(() => {
      const what = `no connection, or no HTTP/2 settings over it, within ${connectTimeoutMs} ms`
      this.#giveUpOpening(new EtcdError('connect_failed', { endpoint: this.url, what }))
    }, connectTimeoutMs)
  }

  /** The cluster that answered over this session, if known. */
  clusterOf(session: number): bigint | undefined {
    return session === this.session ? this.#clusterId : undefined
  }

  /** Records the cluster that answered over this session. */
  provedBy(session: number, clusterId: bigint | undefined): void {
    if (session === this.session) this.#clusterId = clusterId
  }

  #onConnect(): void {
    this.session += 1
    this.#clusterId = undefined
    this.#connectedAt = this.now
    const { session } = this
    const onSettings = (maxCalls: number | undefined) => {
      if (session === this.session) this.#onSettings(maxCalls)
    }
    const onOpened = () => {
      const call = this.#starting
      this.#starting = undefined
      return call
    }
    let received = 0
    const onPing = () => {
      const isReceiving = this.bytesRead !== received
      received = this.bytesRead
      // etcd closes a connection that is pinged without an open call, and here the calls may be over for it, with their
      // answers still on the way.
      if (this.#isRetired && isReceiving) return undefined
      const sentAt = this.now
      return () => this.#onPong(sentAt)
    }
    if (guardSession(this.#client, { onSettings, onOpened, onPing })) return
    const what = 'this version of undici does not let requests wait for the HTTP/2 settings'
    const remedy = 'Install undici 8.12, which this package is tested with.'
    this.#giveUpOpening(new EtcdError('connect_failed', { endpoint: this.url, what, remedy }))
  }

  #onSettings(maxCalls: number | undefined): void {
    this.#settings.clock.clearTimeout(this.#connectTimer)
    if (maxCalls === 0 && !this.#isReady) {
      const what = 'the server accepts no calls: its limit of concurrent HTTP/2 streams is 0'
      this.#giveUpOpening(new EtcdError('connect_failed', { endpoint: this.url, what }))
      return
    }
    this.maxCalls = Math.min(maxCalls ?? MAX_CONCURRENT_CALLS, MAX_CONCURRENT_CALLS)
    this.#streams.limit = this.maxCalls
    this.#isReady = true
    this.isProven = true
    this.roundTripMs = this.now - this.#connectedAt
    this.answered(this.#connectedAt)
    this.#opening?.resolve()
    this.#opening = undefined
  }

  #onPong(sentAt: number): void {
    this.roundTripMs = this.now - sentAt
    this.answered(sentAt)
  }

  #onDisconnect(error: Error): void {
    if (!this.#isReady) this.#giveUpOpening(error)
    this.#isReady = false
    this.session += 1
    this.#failWaiting()
    // undici considers calls of the old session lost as soon as a new one fails, so each session has its own
    // client.
    this.retire()
    // undici would send pending requests over a new session. Calls that a GOAWAY permits to finish continue.
    if (this.#client.stats.running === 0)
      void this.destroy(errorOfNetwork(error, true, { endpoint: this.url }))
  }

  #giveUpOpening(cause: Error): void {
    if (this.#isReady || this.#client.destroyed) return
    void this.destroy(errorOfNetwork(cause, false, { endpoint: this.url }))
  }

  #giveUp(): void {
    const what = `the server no longer answers pings, which are sent every ${this.#settings.pingIntervalMs} ms`
    void this.destroy(new EtcdError('connection_lost', { endpoint: this.url, what, fate: 'unknown' }))
  }
}
