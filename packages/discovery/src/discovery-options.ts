import type { Clock, EtcdClient, Logger } from '@livetree/etcd'
import type { LivePolicy } from './balance/live-policy.ts'
import type { PolicySettingsByService } from './balance/policy.ts'
import {
  assertAccepted,
  type Check,
  type Checks,
  FUNCTION,
  having,
  LABEL,
  milliseconds,
  numberIn,
  OBJECT,
  oneOf,
  readOptions,
} from './check-options.ts'
import { CODECS, type Codec } from './record/layout.ts'
import type { CreatePool, TlsSettings } from './service/pools.ts'
import { DEFAULT_PROTECTION, type ProtectionOptions } from './view/protection.ts'

/** The options of `createDiscovery`. */
export interface DiscoveryOptions {
  /** Its owner closes it, after the discovery. Without a namespace, or Go programs look in another place. */
  readonly client: EtcdClient
  /** Where services are in the store: ends in a slash, and does not start with one. Default `services/`. */
  readonly prefix?: string
  /** The format of the records that are read. Default `go`: that of etcd's Go client, which is also the one written. */
  readonly codec?: Codec
  /** The zone of this process: its requests prefer endpoints of it, and it is registered with instances. */
  readonly zone?: string
  /** The balancer's settings by service, or what `livePolicy` returned. */
  readonly policy?: PolicySettingsByService | LivePolicy
  readonly protection?: Partial<ProtectionOptions>
  /** How long `openService` waits for the first list, in milliseconds. Default 10,000. */
  readonly startupTimeoutMs?: number
  /**
   * A folder in which the endpoints of each service are kept, readable by this user alone. A process that starts while etcd is
   * away uses them until the first list. Default: none are kept.
   */
  readonly snapshotDirectory?: string
  /** Milliseconds without a proof of the store until a view is stale. Default 15,000. */
  readonly staleAfterMs?: number
  /** A service that only requests used is closed after this number of milliseconds without one. Default 300,000. */
  readonly idleMs?: number
  /** TLS settings for endpoints with `https`. */
  readonly tls?: TlsSettings
  /** Makes the pool of an endpoint, for proxies, mocks and sockets. Default: undici's `Pool`. */
  readonly createPool?: CreatePool
  /** Default: process warnings, each once. `false` is silence. */
  readonly logger?: Logger | false
  /** For tests. */
  readonly clock?: Clock
}

const LOGGER: Check = {
  accepts: (value) => value === false || having('', 'info', 'warn').accepts(value),
  expected: 'a logger with debug, info, warn and error, or false',
}

const CLIENT: Check = {
  accepts: (value) =>
    having('', 'close').accepts(value) &&
    ['kv', 'lease', 'watch', 'channel'].every((name) => OBJECT.accepts(Reflect.get(value as object, name))),
  expected: 'a client made by createEtcdClient',
}

const CHECKS: Checks<DiscoveryOptions> = {
  client: CLIENT,
  prefix: {
    accepts: (value) => typeof value === 'string' && value.length <= 1_000,
    expected: 'a text that ends in "/"',
  },
  codec: oneOf(...CODECS),
  zone: LABEL,
  policy: OBJECT,
  protection: OBJECT,
  startupTimeoutMs: milliseconds(),
  snapshotDirectory: {
    accepts: (value) => typeof value === 'string' && /^[^\0]{1,4000}$/.test(value),
    expected: 'the path of a folder',
  },
  staleAfterMs: milliseconds(100),
  idleMs: milliseconds(),
  tls: { ...OBJECT, isSecret: true },
  createPool: FUNCTION,
  logger: LOGGER,
  clock: having('a clock', 'now', 'setTimeout', 'clearTimeout'),
}

const PROTECTION_CHECKS: Checks<ProtectionOptions> = {
  suspectShare: numberIn(0, 1),
  suspectWindowMs: milliseconds(),
  confirmMs: milliseconds(),
}

const PEM: Check = {
  accepts: (value) => typeof value === 'string' || value instanceof Uint8Array,
  expected: 'PEM, as text or a Buffer',
  isSecret: true,
}

const TLS_CHECKS: Checks<TlsSettings> = { ca: PEM, cert: PEM, key: PEM, serverName: LABEL }

/** The options with their groups checked and their defaults. */
export type ResolvedDiscoveryOptions = DiscoveryOptions &
  Required<Pick<DiscoveryOptions, 'prefix' | 'codec' | 'startupTimeoutMs' | 'staleAfterMs' | 'idleMs'>> & {
    readonly protection: ProtectionOptions
  }

/** @throws DiscoveryError `invalid_option` */
export function resolveDiscoveryOptions(given: DiscoveryOptions): ResolvedDiscoveryOptions {
  const where = 'createDiscovery'
  const options = readOptions(where, CHECKS, given)
  assertAccepted(where, 'client', CHECKS.client, options.client)
  const { protection = {}, tls } = options
  return {
    prefix: 'services/',
    codec: 'go',
    startupTimeoutMs: 10_000,
    staleAfterMs: 15_000,
    idleMs: 300_000,
    ...options,
    protection: {
      ...DEFAULT_PROTECTION,
      ...readOptions(`${where}: protection`, PROTECTION_CHECKS, protection as ProtectionOptions),
    },
    ...(tls === undefined ? {} : { tls: readOptions(`${where}: tls`, TLS_CHECKS, tls) }),
  }
}
