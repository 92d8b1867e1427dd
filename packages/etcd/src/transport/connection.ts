import type { ConnectionOptions as TlsOptions, TLSSocket } from 'node:tls'
import type { buildConnector, Client, Dispatcher } from 'undici'
import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { mendTlsSocket } from './mend-tls-socket.ts'
import { SendBudget } from './send-budget.ts'
import { guardSession } from './session-guard.ts'
import { undici } from './undici.ts'

/** What all connections of a client have in common. */
export interface ConnectionSettings {
  /** The certificates as they are now; another object when they have changed. */
  readonly tls: (() => TlsOptions) | undefined
  readonly connectTimeoutMs: number
  /** Between HTTP/2 pings while calls are open. 0: no pings. */
  readonly pingIntervalMs: number
  readonly clock: Clock
}

/** Bytes a peer may send ahead, per call and in all: enough to keep one large range flowing. */
const streamWindowBytes = 4 * 1024 * 1024
const connectionWindowBytes = 16 * 1024 * 1024

/** Calls in flight on one connection; etcd itself sets no limit. */
const maxConcurrentCalls = 1000

/** Calls that undici keeps busy; a duplex body is an async iterable, which its types leave out. */
type Body = Buffer | AsyncIterable<Uint8Array>

/**
 * The connection to one endpoint: opened with the first call, opened again when it was lost, closed when idle.
 * Handlers tell it by `heard` what arrives, so that silence can be told from slowness.
 */
export class Connection {
  readonly url: string
  /** Counts whatever came from the peer. */
  heard = 0
  /** The peer has answered as an HTTP/2 server does. */
  isProven = false
  readonly #client: Client
  readonly #settings: ConnectionSettings
  readonly #budget = new SendBudget()
  #openCalls = 0
  #watchdog: unknown
  #isRetired = false

  constructor(url: string, settings: ConnectionSettings) {
    this.url = url
    this.#settings = settings
    const { pingIntervalMs } = settings
    this.#client = new (undici().Client)(url, {
      connect: connector(url, settings),
      allowH2: true,
      // What holds while there is no session: calls left on one that is shutting down must not keep back new ones.
      pipelining: maxConcurrentCalls,
      h2Options: {
        useH2c: url.startsWith('http:'),
        maxConcurrentStreams: maxConcurrentCalls,
        connectionWindowSize: connectionWindowBytes,
        initialWindowSize: streamWindowBytes,
        pingInterval: pingIntervalMs,
      } as NonNullable<Client.Options['h2Options']>,
      // etcd takes at most two pings on a connection without calls before it closes it as a nuisance.
      keepAliveTimeout: pingIntervalMs === 0 ? 60_000 : pingIntervalMs * 1.5,
    })
    this.#client.on('connect', () => guardSession(this.#client, () => this.#onHeard()))
    this.#client.on('ping' as 'connect', () => this.#onHeard())
  }

  /** Calls on the wire or waiting for it. */
  get openCalls(): number {
    return this.#openCalls
  }

  /** False once it was retired or destroyed: new calls need a new connection. */
  get isUsable(): boolean {
    return !this.#isRetired && !this.#client.destroyed
  }

  /** Starts a call. The handler's `onResponseEnd` or `onResponseError` comes exactly once, after which it calls `release`. */
  start(path: string, headers: string[], body: Body, handler: Dispatcher.DispatchHandler): void {
    this.#openCalls += 1
    if (this.#watchdog === undefined && this.#settings.pingIntervalMs > 0) this.#watch()
    const request = {
      path,
      method: 'POST',
      headers,
      body: body as Buffer,
      // With idempotent calls undici does not wait for one answer before it sends the next request.
      idempotent: true,
      // Every unary call has a deadline of its own, and a stream may be silent for as long as it likes.
      headersTimeout: 0,
      bodyTimeout: 0,
    } as const
    const bytes = Buffer.isBuffer(body) ? body.length : 0
    this.#budget.request(handler, bytes, () => this.#client.dispatch(request, handler))
  }

  /** The handler's call has ended. */
  release(handler: Dispatcher.DispatchHandler): void {
    this.#openCalls -= 1
    this.#budget.settle(handler)
    if (this.#isRetired && this.#openCalls === 0) void this.destroy()
  }

  /** No new calls will come; closes after the last one. */
  retire(): void {
    this.#isRetired = true
    if (this.#openCalls === 0) void this.destroy()
  }

  /** Ends all calls with this error; resolves when the socket is closed. */
  async destroy(error?: Error): Promise<void> {
    this.#settings.clock.clearTimeout(this.#watchdog)
    this.#watchdog = undefined
    const destroyed = this.#client.destroy(error ?? null)
    this.#budget.flush()
    await destroyed
  }

  #onHeard(): void {
    this.heard += 1
    this.isProven = true
  }

  /** Pings are answered even when calls are silent, so two intervals without a sound mean that nobody is there. */
  #watch(): void {
    let silentRounds = 0
    let before = this.heard
    const check = (): void => {
      silentRounds = this.heard === before ? silentRounds + 1 : 0
      before = this.heard
      if (this.#openCalls === 0) this.#watchdog = undefined
      else if (silentRounds > 2 && this.isProven) this.#giveUp()
      else this.#watchdog = this.#settings.clock.setTimeout(check, this.#settings.pingIntervalMs)
    }
    this.#watchdog = this.#settings.clock.setTimeout(check, this.#settings.pingIntervalMs)
  }

  #giveUp(): void {
    const what = `the server has not answered pings for ${this.#settings.pingIntervalMs * 2} ms`
    void this.destroy(new EtcdError('connection_lost', { endpoint: this.url, what, fate: 'unknown' }))
  }
}

/** Opens sockets; over TLS it insists on HTTP/2 before anything is sent. */
const connector = (url: string, settings: ConnectionSettings): buildConnector.connector => {
  const isTls = url.startsWith('https:')
  const build = (tls: TlsOptions | undefined) =>
    undici().buildConnector({
      ...(isTls ? { ...tls, preferH2: true } : {}),
      allowH2: true,
      useH2c: !isTls,
      timeout: settings.connectTimeoutMs,
    } as buildConnector.BuildOptions)
  let tls: TlsOptions | undefined
  let connect: buildConnector.connector | undefined
  return (options, callback) => {
    const now = settings.tls?.()
    // a connector resumes TLS sessions, and with them the identity they began with
    if (connect === undefined || now !== tls) connect = build(now)
    tls = now
    connect(options, (...result) => {
      const [error, socket] = result
      if (error !== null || !isTls) return callback(...result)
      if ((socket as TLSSocket).alpnProtocol === 'h2') {
        mendTlsSocket(socket as TLSSocket)
        return callback(...result)
      }
      socket.destroy()
      callback(
        new EtcdError('not_grpc', {
          endpoint: url,
          what: 'the TLS server does not offer HTTP/2',
          fate: 'not_sent',
        }),
        null,
      )
    })
  }
}
