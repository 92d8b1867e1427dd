import type { EtcdError } from '../errors.ts'
import type { CallOptions } from '../transport/transport.ts'

/** A lease as the server sees it. */
export interface LeaseInfo {
  readonly id: bigint
  /** Remaining seconds. */
  readonly ttlSeconds: number
  readonly grantedTtlSeconds: number
  /**
   * The keys attached to it, without the client's namespace; empty unless requested. Other keys are left out.
   */
  readonly keys: readonly Buffer[]
}

/** Options of `grant`. */
export interface GrantOptions extends CallOptions {
  /** Seconds until it expires unless renewed, at least 1. etcd raises very small values to about 2. */
  readonly ttlSeconds: number
  /** A positive id. Default: a random one, which makes granting safe to repeat. */
  readonly id?: bigint
}

/** Manages leases. The keys attached to a lease are deleted together when it expires or is revoked. */
export interface LeaseService {
  /**
   * Grants a lease. It is not renewed before `keepAlive()` is called, except once if the server's answer took longer
   * than the TTL.
   *
   * @throws EtcdError `invalid_argument`, `no_space`; `lease_lost` or `lease_not_found` if the server's answers take
   * longer than the TTL; `outcome_unknown`, with the id of the lease, if no answer came; `lease_exists` with a given `id`
   */
  grant(options: GrantOptions): Promise<Lease>
  /**
   * Takes over an existing lease and renews it once.
   *
   * @throws EtcdError `lease_not_found`, `lease_lost` if the server's answers take longer than its TTL
   */
  adopt(id: bigint, options?: CallOptions): Promise<Lease>
  /**
   * Renews a lease once and returns its new TTL in seconds.
   *
   * @throws EtcdError `lease_not_found`
   */
  keepAliveOnce(id: bigint, options?: CallOptions): Promise<number>
  /**
   * Revokes a lease and deletes its keys. Succeeds if it no longer exists.
   *
   * @throws EtcdError `outcome_unknown` if no answer came
   */
  revoke(id: bigint, options?: CallOptions): Promise<void>
  /** Returns a lease's remaining time; `undefined` if it does not exist. `keys: true` lists its keys. */
  timeToLive(id: bigint, options?: CallOptions & { readonly keys?: boolean }): Promise<LeaseInfo | undefined>
  /** Lists the ids of all leases. */
  list(options?: CallOptions): Promise<readonly bigint[]>
  /**
   * Stops all renewals; every `lost` signal aborts with `closed`. The leases expire on the server.
   * Idempotent.
   */
  close(): void
}

/** One lease as held by its owner. `await using` revokes it at the end of the block. */
export interface Lease extends AsyncDisposable {
  readonly id: bigint
  /** The TTL the server granted, in seconds; may be more than requested. */
  readonly ttlSeconds: number
  /**
   * Until when the lease is certainly alive: milliseconds since the epoch by the clock as it is now, counted
   * from when the last confirmed request was sent. Setting the clock back extends nothing, time asleep
   * counts, and setting the clock ahead ends the lease early, which is safe.
   */
  readonly expiresAt: number
  /** Milliseconds for which the lease is certainly alive, counted as for `expiresAt`; 0 if it may have expired. */
  readonly leftMs: number
  /** True if the lease may have expired: work that depends on it must stop. */
  readonly isLost: boolean
  /**
   * Aborts once, when the lease can no longer be relied on: its time passed without a confirmed renewal, the
   * server reported that it does not exist, it was revoked, or the client was closed. The reason is an
   * EtcdError, mostly `lease_lost`. A lease by itself protects nothing: make writes conditional on the
   * revision of a key attached to it.
   */
  readonly lost: AbortSignal
  /** Why the last renewal failed; undefined if it was confirmed, or is not answered yet. */
  readonly trouble: EtcdError | undefined
  /** Starts renewing the lease: now, and then after every third of its TTL. Idempotent. */
  keepAlive(): void
  /** Stops renewing; the lease expires on the server. */
  letExpire(): void
  /**
   * The server's view of its remaining time, and of the keys attached to it; `undefined` if it does not
   * exist.
   */
  timeToLive(options?: { readonly keys?: boolean }): Promise<LeaseInfo | undefined>
  /** Revokes the lease and deletes its keys. Succeeds if it no longer exists. */
  revoke(): Promise<void>
}
