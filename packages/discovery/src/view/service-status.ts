import type { Endpoint, Health } from './endpoint.ts'
import type { Rejection } from './service-watch.ts'

/** What is known of a service, and how well. */
export interface ServiceStatus {
  /** `stale`: etcd has not proven for a while that nothing is missing; the last known endpoints stay in use. */
  readonly state: 'live' | 'stale' | 'closed'
  readonly revision: number
  /** Milliseconds since the epoch of the last proof; absent before the first list. */
  readonly provenAt?: number
  /** 0 while live. */
  readonly staleForMs: number
  /** Removals are not believed yet: some endpoints are `unconfirmed`. */
  readonly isProtected: boolean
  /** Too many endpoints were set aside, so that all of them are used. */
  readonly isPanicking: boolean
  readonly counts: Readonly<Record<Health, number>>
}

/** What one revision has changed for a view. An endpoint of `changed` replaces the one with the same id. */
export interface ServiceChange<Metadata = unknown> {
  readonly revision: number
  readonly added: readonly Endpoint<Metadata>[]
  readonly removed: readonly Endpoint<Metadata>[]
  readonly changed: readonly Endpoint<Metadata>[]
}

/** The events of a view. */
export interface ServiceEvents<Metadata = unknown> extends Record<string, unknown> {
  readonly change: ServiceChange<Metadata>
  readonly live: undefined
  readonly stale: undefined
  /** A record was left out, once for each version of it. */
  readonly rejected: Rejection
}
