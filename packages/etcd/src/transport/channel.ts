import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { checkArgument, whole } from '../check-argument.ts'
import type { Clock } from '../clock.ts'
import { CALLS } from '../diagnostics.ts'
import { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { ClientState } from '../open-clients.ts'
import type { Init } from '../wire/message-type.ts'
import { Auth, type Method } from '../wire/rpc.ts'
import { type BackoffOptions, backoffMs } from './backoff.ts'
import { BASE_HEADERS } from './ask-member.ts'
import { Balancer } from './balancer.ts'
import { callName } from './call-name.ts'
import type { CallContext } from './call-context.ts'
import { checkCallOptions, checkHandlers, checkMethod, guardCheck } from './call-options.ts'
import { encodeRequest } from './encode-request.ts'
import { SilentToken } from './silent-token.ts'
import { StreamCall, type StreamOptions } from './stream-call.ts'
import { type Credentials, TokenKeeper } from './token-keeper.ts'
import { startTraced } from './traced-call.ts'
import type { CallOptions, Channel, DuplexStream, StreamHandlers } from './transport.ts'
import { UnaryCall } from './unary-call.ts'
import type { UnaryOptions } from './unary-request.ts'
import { isUndiciLoaded, loadUndici } from './undici.ts'

/** The validated and complete settings of a channel. Times are in milliseconds. */
export interface ChannelSettings {
  /** Names the client in diagnostics. */
  readonly clientName: string
  /** URLs such as `http://127.0.0.1:2379`. */
  readonly endpoints: readonly string[]
  readonly tls: (() => TlsOptions) | undefined
  readonly credentials: Credentials | undefined
  readonly connectTimeoutMs: number
  readonly callTimeoutMs: number
  readonly attemptTimeoutMs: number
  readonly pingIntervalMs: number
  readonly maxRequestBytes: number
  readonly maxResponseBytes: number
  readonly backoff: BackoffOptions
  readonly clock: Clock
  readonly logger: Logger
  /** Finds the endpoints before the first call. */
  readonly discover: (() => Promise<readonly string[]>) | undefined
}

/** The channel based on undici's HTTP/2 client. It connects with the first call. */
export class UndiciChannel implements Channel {
  readonly #settings: ChannelSettings
  readonly #context: CallContext
  readonly #balancer: Balancer
  readonly #tokens: TokenKeeper
  #isPrepared = false
  #seeds: readonly string[]
  #closing: Promise<void> | undefined

  constructor(settings: ChannelSettings) {
    this.#settings = settings
    this.#seeds = settings.endpoints
    this.#balancer = new Balancer(settings.endpoints, settings)
    const { credentials, logger } = settings
    this.#tokens = new TokenKeeper(
      credentials === undefined ? undefined : () => this.#authenticate(credentials),
      () =>
        logger.warn('Credentials were given, but the cluster has auth disabled: calls go without a token'),
    )
    this.#context = {
      clientName: settings.clientName,
      balancer: this.#balancer,
      tokens: this.#tokens,
      silentToken: new SilentToken(settings.clock, this.#tokens),
      clock: settings.clock,
      logger,
      backoff: settings.backoff,
      callTimeoutMs: settings.callTimeoutMs,
      attemptTimeoutMs: settings.attemptTimeoutMs,
      maxResponseBytes: settings.maxResponseBytes,
      open: new Set(),
      parting: new Set(),
      closed: undefined,
      isOver: false,
      preparation: undefined,
      headers: headerCache(),
    }
  }

  unary<Req, Res>(
    method: Method<Req, Res>,
    request: Init<NoInfer<Req>>,
    options: UnaryOptions = {},
  ): Promise<Res> {
    return new Promise((resolve, reject) => {
      const checked = guardCheck(() => this.#check(options, checkMethod(method)))
      const { path, response: type } = method
      const body = encodeRequest(method, request as Init<Req>)
      if (body.length > this.#settings.maxRequestBytes) return reject(this.#tooLarge(path, body.length))
      this.#prepare()
      const call = { path, type, body, options: checked }
      if (CALLS.hasSubscribers) startTraced(this.#context, call, { resolve, reject })
      else new UnaryCall(this.#context, call, { resolve, reject }).start()
    })
  }

  stream<Req, Res>(
    method: Method<Req, Res>,
    handlers: StreamHandlers<Res>,
    options: StreamOptions = {},
  ): DuplexStream<Req> {
    const checked = guardCheck(() => {
      const call = checkMethod(method)
      checkHandlers(handlers, call)
      return this.#check(options, call)
    })
    this.#prepare()
    const call = new StreamCall(this.#context, method, handlers, checked)
    call.start()
    return call
  }

  get clientName(): string {
    return this.#settings.clientName
  }

  refreshToken(): Promise<void> {
    return this.#tokens.refresh()
  }

  get clusterId(): bigint | undefined {
    return this.#balancer.identity.clusterId
  }

  endpoints(): readonly string[] {
    return this.#balancer.urls
  }

  /** The endpoints in use, with their states. */
  get endpointStates(): ClientState['endpoints'] {
    return this.#balancer.endpoints.map(({ url, state }) => ({ url, state }))
  }

  /** The configured or discovered endpoints; none before the first call has discovered them. */
  get seeds(): readonly string[] {
    return this.#seeds
  }

  /** Replaces the endpoints of the rotation. Remaining ones keep their connections. */
  useEndpoints(urls: readonly string[]): void {
    this.#balancer.replace(urls)
  }

  backoffMs(attempt: number): number {
    checkArgument('Channel.backoffMs', 'the attempt', whole(0), attempt)
    return backoffMs(this.#settings.backoff, attempt)
  }

  /** Ends all calls with code `closed`, which it returns, and accepts no new ones except those that clean up. */
  refuseCalls(): EtcdError {
    const error = this.#context.closed ?? new EtcdError('closed')
    this.#context.closed = error
    for (const call of [...this.#context.open]) call.stop(error)
    return error
  }

  /** Ends all calls with code `closed` and resolves when every socket is closed. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const error = this.refuseCalls()
    this.#context.isOver = true
    for (const call of [...this.#context.parting]) call.stop(error)
    await this.#balancer.close(error)
  }

  /** Starts preparing with the first call; after a failure, the next call tries again. */
  #prepare(): void {
    if (this.#isPrepared || this.#context.preparation !== undefined || this.#context.closed !== undefined)
      return
    const { discover } = this.#settings
    this.#isPrepared = discover === undefined && isUndiciLoaded()
    if (this.#isPrepared) return
    this.#context.preparation = Promise.all([discover?.(), loadUndici()])
      .then(([urls]) => {
        if (urls !== undefined) {
          this.#seeds = urls
          this.#balancer.replace(urls)
        }
        this.#isPrepared = true
      })
      .catch((cause: unknown) => {
        throw cause instanceof EtcdError ? cause : new EtcdError('discovery_failed', { cause })
      })
      .finally(() => {
        this.#context.preparation = undefined
      })
    // Waiting calls receive the error, but there may be none.
    this.#context.preparation.catch(() => undefined)
  }

  #check<Options extends CallOptions>(options: Options, call: string): Options {
    return checkCallOptions(options, call, this.#settings.tls !== undefined)
  }

  #tooLarge(path: string, length: number): EtcdError {
    const what = `the request has ${length} bytes, the limit is ${this.#settings.maxRequestBytes}`
    return new EtcdError('request_too_large', { call: callName(path), what, fate: 'not_sent' })
  }

  async #authenticate({ username: name, password }: Credentials): Promise<string> {
    const options = { retry: 'read', isAnonymous: true, isParting: true } as const
    const { token } = await this.unary(Auth.authenticate, { name, password }, options)
    return token
  }
}

/** Creates header arrays once per token instead of once per call. */
function headerCache(): CallContext['headers'] {
  let cachedToken: string | undefined
  let plain = BASE_HEADERS
  let withLeader = [...BASE_HEADERS, 'hasleader', 'true']
  return (token, requireLeader) => {
    if (token !== cachedToken) {
      cachedToken = token
      plain = token === undefined ? BASE_HEADERS : [...BASE_HEADERS, 'token', token]
      withLeader = [...plain, 'hasleader', 'true']
    }
    return requireLeader ? withLeader : plain
  }
}
