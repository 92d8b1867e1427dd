import {
  type Check,
  type Checks,
  FUNCTION,
  having,
  LABEL,
  milliseconds,
  OBJECT,
  oneOf,
  readOptions,
  SIGNAL,
  WEIGHT,
  wholeIn,
} from '../check-options.ts'
import type { ServiceDefinition } from '../define-service.ts'
import { PROTOCOLS, type Protocol } from '../record/endpoint-record.ts'
import type { Advertise } from './address.ts'
import type { ListeningServer } from './bound-address.ts'

/** The options of `discovery.register`. */
export interface RegisterOptions<Metadata = unknown> {
  /** A name, or what `defineService` returned; then `metadata` has its type. */
  readonly service: string | ServiceDefinition<Metadata, unknown>
  /** A server of `node:http`, `node:https`, `node:http2` or `node:net`. Its port is registered once it listens. */
  readonly server?: ListeningServer
  /** Where others reach this instance, if it is not where the server listens. Without `server`, `port` is needed. */
  readonly advertise?: Advertise
  /** Default: the definition's. */
  readonly protocol?: Protocol
  /** Consumers of the same zone prefer this instance. Default: the zone of `createDiscovery`. */
  readonly zone?: string
  readonly version?: string
  /** The share of requests compared with other instances, 0 to 1000; 0 means none. Default 100. */
  readonly weight?: number
  /** Readable by everybody who may read the store: no secrets. */
  readonly metadata?: Metadata
  /** Awaited before the instance is registered, such as a warm-up. A rejection ends `register`. */
  readonly ready?: () => unknown
  /**
   * A health check. The instance is taken out while it fails: returns or resolves false, throws, or takes longer than
   * `checkMs`.
   */
  readonly check?: () => unknown
  /** Milliseconds between two checks. Default 5,000. */
  readonly checkMs?: number
  /** The number of failed checks in a row after which the instance is taken out. Default 3. */
  readonly failures?: number
  /** Seconds after which the store forgets an instance that has died. Default 15. */
  readonly ttlSeconds?: number
  /** Milliseconds for the first registration, counted from when the server listens and `ready` has resolved. Default 10,000. */
  readonly timeoutMs?: number
  /**
   * What happens if etcd does not take the registration within `timeoutMs`. `fail` (default) rejects; `retry` resolves
   * then and goes on in the background.
   */
  readonly onUnavailable?: 'fail' | 'retry'
  /** Cancels `register`; afterwards it has no effect. */
  readonly signal?: AbortSignal
}

/** Options of `registration.shutdown`. */
export interface ShutdownOptions {
  /**
   * Milliseconds the server goes on serving after the instance was taken out, so that every consumer has seen it.
   * Default 1,000.
   */
  readonly propagationMs?: number
  /** Milliseconds for running requests after the server was closed; then they are cut off. Default 20,000. */
  readonly drainMs?: number
  /** Closes the server, such as `() => app.close()`. Default: closes the server that was registered. */
  readonly close?: () => unknown
}

/** Options of `registration.update`, `pause` and `resume`. */
export interface RegistrationCallOptions {
  /** Milliseconds after which the call rejects with `not_registered`. Default 10,000. */
  readonly timeoutMs?: number
  /** Rejects the call with `cancelled`. What it has begun goes on. */
  readonly signal?: AbortSignal
}

/** What can be changed of a registered instance. */
export interface RegistrationChange<Metadata = unknown> {
  readonly weight?: number
  readonly metadata?: Metadata
  readonly version?: string
}

const PORT: Check = wholeIn(1, 65_535)
const HOST: Check = {
  accepts: (value) => typeof value === 'string' && /^[A-Za-z0-9_.:-]{1,255}$/.test(value),
  expected: 'an address or a host name, without port and brackets',
}
const ANYTHING: Check = { accepts: () => true, expected: 'anything' }

const ADVERTISE_CHECKS: Checks<Advertise> = { host: HOST, port: PORT }

const REGISTER_CHECKS: Checks<RegisterOptions> = {
  service: ANYTHING,
  server: having('a server with `listening`, `address()`, `on` and `close`', 'address', 'on', 'off', 'close'),
  advertise: OBJECT,
  protocol: oneOf(...PROTOCOLS),
  zone: LABEL,
  version: LABEL,
  weight: WEIGHT,
  metadata: ANYTHING,
  ready: FUNCTION,
  check: FUNCTION,
  checkMs: milliseconds(1),
  failures: wholeIn(1, 1_000_000),
  ttlSeconds: wholeIn(1, 86_400),
  timeoutMs: milliseconds(1),
  onUnavailable: oneOf('fail', 'retry'),
  signal: SIGNAL,
}

const SHUTDOWN_CHECKS: Checks<ShutdownOptions> = {
  propagationMs: milliseconds(),
  drainMs: milliseconds(),
  close: FUNCTION,
}

const CALL_CHECKS: Checks<RegistrationCallOptions> = { timeoutMs: milliseconds(1), signal: SIGNAL }

const CHANGE_CHECKS: Checks<RegistrationChange> = { weight: WEIGHT, metadata: ANYTHING, version: LABEL }

/** Options of `register` that an adapter of a framework takes; it gives the others itself. */
export type AdapterOptions<Metadata = unknown> = Omit<RegisterOptions<Metadata>, 'server' | 'signal'>

const { server: _, signal: __, ...ADAPTER_CHECKS } = REGISTER_CHECKS

/** @throws DiscoveryError `invalid_option`, also for what the adapter gives itself */
export function readAdapterOptions(given: AdapterOptions): AdapterOptions {
  readOptions('register', ADAPTER_CHECKS, given)
  return readRegisterOptions(given)
}

/** @throws DiscoveryError `invalid_option` */
export function readRegisterOptions(given: RegisterOptions): RegisterOptions {
  const options = readOptions('register', REGISTER_CHECKS, given)
  if (options.advertise === undefined) return options
  return { ...options, advertise: readOptions('register: advertise', ADVERTISE_CHECKS, options.advertise) }
}

/** @throws DiscoveryError `invalid_option` */
export function readShutdownOptions(
  given: ShutdownOptions,
): Required<Omit<ShutdownOptions, 'close'>> & ShutdownOptions {
  return { propagationMs: 1_000, drainMs: 20_000, ...readOptions('shutdown', SHUTDOWN_CHECKS, given) }
}

/** @throws DiscoveryError `invalid_option` */
export function readChange(given: RegistrationChange): RegistrationChange {
  return readOptions('update', CHANGE_CHECKS, given)
}

/** @throws DiscoveryError `invalid_option` */
export function readCallOptions(where: string, given: RegistrationCallOptions): RegistrationCallOptions {
  return readOptions(where, CALL_CHECKS, given)
}
