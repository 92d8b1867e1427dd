import type { ConnectionOptions as NodeTlsOptions } from 'node:tls'
import { assertNode } from './assert-node.ts'
import { type Clock, systemClock } from './clock.ts'
import { DEFAULT_CLIENT_NAME } from './diagnostics.ts'
import { EtcdError } from './errors.ts'
import type { Bytes } from './bytes.ts'
import { copyOptions, isSameOptions } from './copy-options.ts'
import { Namespace } from './key-range.ts'
import { guardClock } from './guarded-clock.ts'
import { guardLogger, type Logger, silentLogger } from './logger.ts'
import type { BackoffOptions } from './transport/backoff.ts'
import type { DiscoveryOptions } from './transport/discover.ts'
import { parseEndpoints } from './transport/endpoint-url.ts'
import type { Credentials } from './transport/token-keeper.ts'
import { assertOptions, milliseconds, numbersOf, type OptionTable, VALUE } from './option-table.ts'
import { refuse } from './refuse-option.ts'
import { TLS_OPTIONS, type TlsOptions, tlsSource } from './tls-options.ts'
import { resolveWatchSettings, WATCH_SETTINGS, type WatchSettings } from './watch/watch-options.ts'

/** Time limits of the client, in milliseconds. */
export interface TimeoutOptions {
  /**
   * For establishing a connection, including TLS. Time in which this process is too busy to read what arrives counts less.
   * Default 3,000.
   */
  readonly connectMs?: number
  /**
   * For a call with all its retries. Default 10,000: more than etcd's own 7,000, so that etcd's error arrives
   * first.
   */
  readonly callMs?: number
  /**
   * For one attempt at a read while other endpoints are available, and never more than half of the time that its call has
   * left while one of them has not been tried. An answer that is arriving fast enough to be whole in the call's time is
   * waited for. Default: half of `callMs`.
   */
  readonly attemptMs?: number
  /**
   * Interval of HTTP/2 pings while calls are open; 0 disables them. etcd rejects intervals below 5,000. A server that closes
   * a connection because of too many pings gets half as many. A call that waits has its connection pinged anyway.
   * Default 20,000.
   */
  readonly pingIntervalMs?: number
}

/**
 * Size limits: larger requests are refused before they are sent, larger responses before they are held in
 * memory.
 */
export interface LimitOptions {
  /** Maximum size of a request. Default 1.5 MiB, like the server's `--max-request-bytes`. */
  readonly requestBytes?: number
  /** Maximum size of a response. Default 1 GiB. */
  readonly responseBytes?: number
  /**
   * Maximum number of operations in one branch of a transaction. Default 128, like the server's
   * `--max-txn-ops`.
   */
  readonly txnOps?: number
}

/** Options of `createEtcdClient`. */
export interface EtcdClientOptions {
  /**
   * `http://127.0.0.1:2379`, or several for a cluster. Without a scheme: https with `tls`, otherwise http.
   * Default port 2379.
   */
  readonly endpoints?: string | readonly string[]
  /** Finds the endpoints in DNS. Excludes `endpoints`. */
  readonly discovery?: DiscoveryOptions
  /**
   * Certificates. Not required for TLS: `https://` endpoints are verified against the authorities that Node
   * trusts. A function is called at the start and again for each new connection, so that renewed certificates
   * are used. If it throws or returns unusable certificates later, the previous ones stay in use and
   * `logger.warn` reports it.
   */
  readonly tls?: TlsOptions | (() => TlsOptions)
  /** Credentials for a cluster with auth enabled. */
  readonly auth?: { readonly username: string; readonly password: string }
  /** Prefix that is added to every key sent and removed from every key received. Default: none. */
  readonly namespace?: Bytes
  readonly timeouts?: TimeoutOptions
  /**
   * Names the client on diagnostics channels and in metrics, where several clients of a process are told apart by it: a text
   * of 1 to 100 characters, one of few and no secret. Default `etcd`.
   */
  readonly clientName?: string
  /** Delay between attempts. Defaults: 25 ms, doubled up to 2,000 ms, half of it random. */
  readonly backoff?: Partial<BackoffOptions>
  readonly limits?: LimitOptions
  /** Interval at which the cluster's members are listed and added to the endpoints. Default 0: never. */
  readonly syncMembersMs?: number
  /** Settings of the connections that carry watches. */
  readonly watch?: WatchSettings
  readonly clock?: Clock
  readonly logger?: Logger
  /** Closes the client when it aborts. */
  readonly signal?: AbortSignal
}

/** The validated options with all defaults filled in. */
export interface ResolvedOptions {
  readonly endpoints: readonly string[]
  readonly discovery: DiscoveryOptions | undefined
  /** Returns the current certificates. */
  readonly tls: (() => NodeTlsOptions) | undefined
  readonly credentials: Credentials | undefined
  readonly namespace: Namespace
  readonly clientName: string
  readonly connectTimeoutMs: number
  readonly callTimeoutMs: number
  readonly attemptTimeoutMs: number
  readonly pingIntervalMs: number
  readonly maxRequestBytes: number
  readonly maxResponseBytes: number
  readonly maxTxnOps: number
  readonly backoff: BackoffOptions
  readonly syncMembersMs: number
  readonly watch: Required<WatchSettings>
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal | undefined
}

const TIMEOUTS = {
  connectMs: milliseconds(3_000),
  callMs: milliseconds(10_000),
  attemptMs: milliseconds(({ callMs = 0 }) => callMs / 2),
  pingIntervalMs: milliseconds(20_000, 0),
} as const satisfies OptionTable<TimeoutOptions>

const BACKOFF = {
  minMs: milliseconds(25),
  maxMs: milliseconds(
    ({ minMs = 0 }) => Math.max(2_000, minMs),
    ({ minMs = 0 }) => minMs,
  ),
  factor: { type: 'number', least: 1, otherwise: 2 },
  jitter: { type: 'number', least: 0, most: 1, otherwise: 0.5 },
} as const satisfies OptionTable<BackoffOptions>

const LIMITS = {
  requestBytes: { type: 'number', least: 1, otherwise: 1.5 * 1024 * 1024 },
  responseBytes: { type: 'number', least: 1, otherwise: 1024 * 1024 * 1024 },
  txnOps: { type: 'number', least: 1, otherwise: 128 },
} as const satisfies OptionTable<LimitOptions>

const AUTH: OptionTable<NonNullable<EtcdClientOptions['auth']>> = { username: VALUE, password: VALUE }

const DISCOVERY: OptionTable<DiscoveryOptions> = {
  domain: VALUE,
  serviceName: VALUE,
  resolver: { type: 'port', methods: ['resolveSrv'] },
}

/** Every option of the client: its name, and where it is a number, its bounds and its default. */
export const CLIENT_OPTIONS = {
  endpoints: VALUE,
  discovery: { type: 'group', options: DISCOVERY },
  tls: { type: 'group', options: TLS_OPTIONS, isCallable: true },
  auth: { type: 'group', options: AUTH },
  namespace: VALUE,
  timeouts: { type: 'group', options: TIMEOUTS },
  clientName: VALUE,
  backoff: { type: 'group', options: BACKOFF },
  limits: { type: 'group', options: LIMITS },
  syncMembersMs: milliseconds(0, 0),
  watch: { type: 'group', options: WATCH_SETTINGS },
  clock: { type: 'port', methods: ['now', 'setTimeout', 'clearTimeout'] },
  logger: { type: 'port', methods: ['debug', 'info', 'warn', 'error'] },
  signal: { type: 'port', methods: ['addEventListener', 'removeEventListener'] },
} as const satisfies OptionTable<EtcdClientOptions>

function resolveAuth(auth: EtcdClientOptions['auth']): Credentials | undefined {
  if (auth === undefined) return undefined
  if (typeof auth.username !== 'string' || auth.username === '') throw refuse('auth.username is empty')
  if (typeof auth.password !== 'string' || auth.password === '') throw refuse('auth.password is empty')
  const credentials = { username: auth.username }
  // Not enumerable, so that printing the options does not print the password.
  Object.defineProperty(credentials, 'password', { value: auth.password })
  return Object.freeze(credentials as Credentials)
}

function resolveNamespace(namespace: unknown): Namespace {
  if (namespace === undefined || typeof namespace === 'string' || namespace instanceof Uint8Array)
    return new Namespace(namespace as Bytes | undefined)
  throw refuse('namespace is neither text nor bytes')
}

function resolveName(name: unknown): string {
  if (name === undefined) return DEFAULT_CLIENT_NAME
  if (typeof name === 'string' && name !== '' && name.length <= 100) return name
  throw refuse('clientName is not a text of 1 to 100 characters')
}

function resolveEndpoints({ endpoints, discovery, tls }: EtcdClientOptions): readonly string[] {
  if (discovery !== undefined) {
    if (endpoints !== undefined)
      throw refuse('endpoints and discovery were both given; give only one of them')
    if (typeof discovery.domain !== 'string' || discovery.domain === '')
      throw refuse('discovery.domain is empty')
    const { serviceName } = discovery
    if (serviceName !== undefined && typeof serviceName !== 'string')
      throw refuse('discovery.serviceName is not a text')
    return Object.freeze([])
  }
  return Object.freeze(parseEndpoints(endpoints, tls !== undefined))
}

/**
 * Validates the options and fills in the defaults. The caller's object is not modified, and not read any more afterwards.
 *
 * @throws EtcdError `invalid_option`, also for what a getter or a proxy throws
 */
export function resolveOptions(options: EtcdClientOptions): ResolvedOptions {
  assertNode(process.versions.node)
  return whatIsRead(() => {
    assertOptions('', CLIENT_OPTIONS, options)
    return resolveCopy(copyOptions(CLIENT_OPTIONS, options))
  })
}

/** Turns what a getter or a proxy throws into `invalid_option`. */
function whatIsRead<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof EtcdError ? error : refuse('the options cannot be read', error)
  }
}

function resolveCopy(options: EtcdClientOptions): ResolvedOptions {
  const logger = guardLogger(options.logger ?? silentLogger)
  const endpoints = resolveEndpoints(options)
  const timeouts = numbersOf('timeouts', TIMEOUTS, options.timeouts)
  const limits = numbersOf('limits', LIMITS, options.limits)
  return Object.freeze({
    endpoints,
    discovery: options.discovery,
    tls: tlsSource(options.tls, { endpoints, logger }),
    credentials: resolveAuth(options.auth),
    namespace: resolveNamespace(options.namespace),
    clientName: resolveName(options.clientName),
    connectTimeoutMs: timeouts.connectMs,
    callTimeoutMs: timeouts.callMs,
    attemptTimeoutMs: timeouts.attemptMs,
    pingIntervalMs: timeouts.pingIntervalMs,
    maxRequestBytes: limits.requestBytes,
    maxResponseBytes: limits.responseBytes,
    maxTxnOps: limits.txnOps,
    backoff: Object.freeze(numbersOf('backoff', BACKOFF, options.backoff)),
    syncMembersMs: numbersOf('', CLIENT_OPTIONS, options).syncMembersMs,
    watch: resolveWatchSettings(options.watch ?? {}),
    clock: guardClock(options.clock ?? systemClock, onceLogged(logger)),
    logger,
    signal: options.signal,
  })
}

/** Logs only the first failure of a user's clock. */
function onceLogged(logger: Logger): (cause: unknown) => void {
  let isLogged = false
  return (error) => {
    if (isLogged) return
    isLogged = true
    logger.error("The clock given to the client failed; the machine's clock is used instead", { error })
  }
}

/**
 * Validates the options without creating a client, for callers that create it later.
 *
 * @throws EtcdError `invalid_option` wherever `createEtcdClient` would
 */
export function checkClientOptions(options: EtcdClientOptions): void {
  return void resolveOptions(options)
}

/**
 * A plain copy of what a client reads of the options, each option read once, also one that is not enumerable, or that a
 * getter or a prototype gives. Names that are no options are left out, and nothing is validated.
 *
 * @throws EtcdError `invalid_option` for what a getter or a proxy throws
 */
export function copyClientOptions(options: EtcdClientOptions): EtcdClientOptions {
  return whatIsRead(() => copyOptions(CLIENT_OPTIONS, options))
}

/**
 * Whether two clients with these copies of options would do the same. Resolvers, functions and other objects with methods
 * are the same only if they are one object.
 */
export function isSameClient(one: EtcdClientOptions, other: EtcdClientOptions): boolean {
  return isSameOptions(CLIENT_OPTIONS, one, other)
}
