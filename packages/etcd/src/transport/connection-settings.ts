import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { Clock } from '../clock.ts'
import type { AddressOrder } from './address-order.ts'
import type { PingPolicy } from './ping-policy.ts'

/** Settings of all connections of a client. */
export interface ConnectionSettings {
  /** Returns the current certificates; a new object whenever they have changed. */
  readonly tls: (() => TlsOptions) | undefined
  /** Time limit, in milliseconds, for connecting and until the peer sends its HTTP/2 settings. */
  readonly connectTimeoutMs: number
  readonly pings: PingPolicy
  /** The addresses of the endpoint, which all its connections share. */
  readonly addresses: AddressOrder
  readonly clock: Clock
  /** A connection leaves a ping unanswered. Default: nothing happens. */
  readonly onSilent?: () => void
}
