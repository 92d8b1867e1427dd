import type { ConnectionOptions as NodeTlsOptions } from 'node:tls'
import { type Clock, systemClock } from './clock.ts'
import { EtcdError } from './errors.ts'
import type { Bytes } from './bytes.ts'
import { Namespace } from './key-range.ts'
import { guardClock } from './guarded-clock.ts'
import { guardLogger, type Logger, silentLogger } from './logger.ts'
import type { BackoffOptions } from './transport/backoff.ts'
import type { DiscoveryOptions } from './transport/discover.ts'
import { parseEndpoints } from './transport/endpoint-url.ts'
import type { Credentials } from './transport/token-keeper.ts'
import { assertKnown, assertMethods, LONGEST_MS, number, refuse } from './refuse-option.ts'
import { type TlsOptions, tlsSource } from './tls-options.ts'
import { resolveWatchSettings, type WatchSettings } from './watch/watch-options.ts'

/** In milliseconds. */
export interface TimeoutOptions {
  /** For a connection, TLS included. Default 3,000. */
  readonly connectMs?: number
  /** For a call with all its retries. Default 10,000: more than etcd's own 7,000, so that its answer comes first. */
  readonly callMs?: number
  /** For one attempt at a read while there are other endpoints. Default: half of `callMs`. */
  readonly attemptMs?: number
  /** Between HTTP/2 pings while calls are open; 0 for none. etcd does not take less than 5,000. Default 20,000. */
  readonly pingIntervalMs?: number
}

/** What the client refuses before it is sent, or instead of keeping it in memory. */
export interface LimitOptions {
  /** Default 1.5 MiB, as the server's `--max-request-bytes`. */
  readonly requestBytes?: number
  /** Default 1 GiB. */
  readonly responseBytes?: number
  /** Operations in one branch of a transaction. Default 128, as the server's `--max-txn-ops`. */
  readonly txnOps?: number
}

/** Options of `createEtcdClient`. */
export interface EtcdClientOptions {
  /** `http://127.0.0.1:2379`, several for a cluster. Without a scheme: https with `tls`, http otherwise; port 2379. */
  readonly endpoints?: string | readonly string[]
  /** Instead of `endpoints`. */
  readonly discovery?: DiscoveryOptions
  /**
   * Required for nothing: `https://` endpoints are verified against Node's own authorities. A function is asked at the
   * start and again for each new connection, so that renewed certificates are taken up; when it throws, or gives what
   * cannot be used, the last ones go on being used and `logger.warn` is told.
   */
  readonly tls?: TlsOptions | (() => TlsOptions)
  /** For a cluster with auth enabled. */
  readonly auth?: { readonly username: string; readonly password: string }
  /** Put before every key, taken off every result. Default: none. */
  readonly namespace?: Bytes
  readonly timeouts?: TimeoutOptions
  /** Between attempts. Defaults: 25 ms, doubled up to 2,000 ms, half of it left to chance. */
  readonly backoff?: Partial<BackoffOptions>
  readonly limits?: LimitOptions
  /** Adds the cluster's members to the endpoints, every so many milliseconds. Default 0: never. */
  readonly syncMembersMs?: number
  /** How watches are kept alive. */
  readonly watch?: WatchSettings
  readonly clock?: Clock
  readonly logger?: Logger
  /** Closes the client. */
  readonly signal?: AbortSignal
}

/** The options, checked, with nothing left open. */
export interface ResolvedOptions {
  readonly endpoints: readonly string[]
  readonly discovery: DiscoveryOptions | undefined
  /** The certificates as they are now. */
  readonly tls: (() => NodeTlsOptions) | undefined
  readonly credentials: Credentials | undefined
  readonly namespace: Namespace
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

/** Every option there is. */
const KNOWN = {
  '': [
    'endpoints',
    'discovery',
    'tls',
    'auth',
    'namespace',
    'timeouts',
    'backoff',
    'limits',
    'syncMembersMs',
    'watch',
    'clock',
    'logger',
    'signal',
  ],
  discovery: ['domain', 'serviceName', 'resolver'],
  auth: ['username', 'password'],
  timeouts: ['connectMs', 'callMs', 'attemptMs', 'pingIntervalMs'],
  backoff: ['minMs', 'maxMs', 'factor', 'jitter'],
  limits: ['requestBytes', 'responseBytes', 'txnOps'],
  watch: ['progressIntervalMs', 'progressGraceMs', 'openTimeoutMs', 'idsFrom'],
} as const

function ms(name: string, value: unknown, otherwise: number, least = 1): number {
  return number(name, value, otherwise, { least, most: LONGEST_MS })
}

function resolveAuth(auth: EtcdClientOptions['auth']): Credentials | undefined {
  if (auth === undefined) return undefined
  if (typeof auth.username !== 'string' || auth.username === '') throw refuse('auth.username is empty')
  if (typeof auth.password !== 'string' || auth.password === '') throw refuse('auth.password is empty')
  const credentials = { username: auth.username }
  // Not enumerable: whatever prints the options must not print it.
  Object.defineProperty(credentials, 'password', { value: auth.password })
  return Object.freeze(credentials as Credentials)
}

function resolveBackoff(backoff: Partial<BackoffOptions> = {}): BackoffOptions {
  const minMs = ms('backoff.minMs', backoff.minMs, 25)
  return Object.freeze({
    minMs,
    maxMs: ms('backoff.maxMs', backoff.maxMs, Math.max(2_000, minMs), minMs),
    factor: number('backoff.factor', backoff.factor, 2, { least: 1 }),
    jitter: number('backoff.jitter', backoff.jitter, 0.5, { least: 0, most: 1 }),
  })
}

function resolveNamespace(namespace: unknown): Namespace {
  if (namespace === undefined || typeof namespace === 'string' || namespace instanceof Uint8Array)
    return new Namespace(namespace as Bytes | undefined)
  throw refuse('namespace is neither text nor bytes')
}

function resolveEndpoints({ endpoints, discovery, tls }: EtcdClientOptions): readonly string[] {
  if (discovery !== undefined) {
    if (endpoints !== undefined)
      throw refuse('endpoints and discovery were both given; one of them is enough')
    if (typeof discovery.domain !== 'string' || discovery.domain === '')
      throw refuse('discovery.domain is empty')
    const { serviceName, resolver } = discovery
    if (serviceName !== undefined && typeof serviceName !== 'string')
      throw refuse('discovery.serviceName is no text')
    assertMethods('discovery.resolver', resolver, ['resolveSrv'])
    return Object.freeze([])
  }
  return Object.freeze(parseEndpoints(endpoints, tls !== undefined))
}

/** The oldest Node that the package runs on: undici needs it. */
const OLDEST_NODE = [22, 19] as const

/** @throws EtcdError `invalid_option` on a Node that is too old, where undici would break later and in other words */
export function assertNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor, oldestMinor] = OLDEST_NODE
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return
  throw new EtcdError('invalid_option', {
    what: `this is Node ${version}; @livetree/etcd needs ${OLDEST_NODE.join('.')} or later`,
    remedy: 'Run it with a newer Node.',
  })
}

/** Refuses what is misspelt, no object, or without the methods that are called. */
function assertShape(options: EtcdClientOptions): void {
  assertKnown('', KNOWN[''], options ?? null)
  for (const group of ['discovery', 'auth', 'timeouts', 'backoff', 'limits', 'watch'] as const) {
    assertKnown(group, KNOWN[group], options[group])
  }
  assertMethods('logger', options.logger, ['debug', 'info', 'warn', 'error'])
  assertMethods('clock', options.clock, ['now', 'setTimeout', 'clearTimeout'])
  assertMethods('signal', options.signal, ['addEventListener', 'removeEventListener'])
}

/**
 * Checks the options and fills in the defaults. The caller's object stays as it is.
 *
 * @throws EtcdError `invalid_option`
 */
export function resolveOptions(options: EtcdClientOptions): ResolvedOptions {
  assertNode(process.versions.node)
  assertShape(options)
  const { timeouts = {}, limits = {} } = options
  const logger = guardLogger(options.logger ?? silentLogger)
  const endpoints = resolveEndpoints(options)
  const callTimeoutMs = ms('timeouts.callMs', timeouts.callMs, 10_000)
  const limit = (name: keyof LimitOptions, otherwise: number): number =>
    number(`limits.${name}`, limits[name], otherwise, { least: 1 })
  return Object.freeze({
    endpoints,
    discovery: options.discovery,
    tls: tlsSource(options.tls, { endpoints, logger }),
    credentials: resolveAuth(options.auth),
    namespace: resolveNamespace(options.namespace),
    connectTimeoutMs: ms('timeouts.connectMs', timeouts.connectMs, 3_000),
    callTimeoutMs,
    attemptTimeoutMs: ms('timeouts.attemptMs', timeouts.attemptMs, callTimeoutMs / 2),
    pingIntervalMs: ms('timeouts.pingIntervalMs', timeouts.pingIntervalMs, 20_000, 0),
    maxRequestBytes: limit('requestBytes', 1.5 * 1024 * 1024),
    maxResponseBytes: limit('responseBytes', 1024 * 1024 * 1024),
    maxTxnOps: limit('txnOps', 128),
    backoff: resolveBackoff(options.backoff),
    syncMembersMs: ms('syncMembersMs', options.syncMembersMs, 0, 0),
    watch: resolveWatchSettings(options.watch ?? {}),
    clock: guardClock(options.clock ?? systemClock, onceLogged(logger)),
    logger,
    signal: options.signal,
  })
}

/** One line for a clock that fails, however often it does. */
function onceLogged(logger: Logger): (cause: unknown) => void {
  let isLogged = false
  return (error) => {
    if (isLogged) return
    isLogged = true
    logger.error("The clock given to the client fails; the machine's is used in its place", { error })
  }
}

/** Throws `invalid_option` where `createEtcdClient` would. For those who make the client later. */
export function checkClientOptions(options: EtcdClientOptions): void {
  return void resolveOptions(options)
}
