import type { CallOptions } from '../transport/transport.ts'

/** A lease as the server sees it. */
export interface LeaseInfo {
  readonly id: bigint
  /** Seconds left. */
  readonly ttlSeconds: number
  readonly grantedTtlSeconds: number
  /** The keys on it, without the client's namespace; empty unless asked for. Keys outside the namespace are left out. */
  readonly keys: readonly Buffer[]
}

/** How to grant a lease. */
export interface GrantOptions extends CallOptions {
  /** Seconds until it ends unless renewed, from 1 on. etcd gives at least about 2. */
  readonly ttlSeconds: number
  /** Its id, positive. Default: a random one, which makes granting safe to repeat. */
  readonly id?: bigint
}

/** Leases: keys that hang on one go away together, when it is not renewed in time or is revoked. */
export interface LeaseService {
  /**
   * Grants a lease. It is not renewed before `keepAlive()`.
   *
   * @throws EtcdError `invalid_argument`, `lease_exists` (an id of one's own), `no_space`, `outcome_unknown` (an id of one's own)
   */
  grant(options: GrantOptions): Promise<Lease>
  /**
   * Takes on a lease that is there already.
   *
   * @throws EtcdError `lease_not_found`
   */
  adopt(id: bigint, options?: CallOptions): Promise<Lease>
  /**
   * Renews a lease once; gives its new time in seconds.
   *
   * @throws EtcdError `lease_not_found`
   */
  keepAliveOnce(id: bigint, options?: CallOptions): Promise<number>
  /** Ends a lease and deletes its keys. Gone already is fine. */
  revoke(id: bigint, options?: CallOptions): Promise<void>
  /** `undefined` when there is no such lease. `keys: true` lists the keys on it. */
  timeToLive(id: bigint, options?: CallOptions & { readonly keys?: boolean }): Promise<LeaseInfo | undefined>
  /** The ids of all leases. */
  list(options?: CallOptions): Promise<readonly bigint[]>
  /** Renews nothing any more; every `lost` fires with `closed`. The leases run out by themselves. Safe to call twice. */
  close(): void
}

/** One lease as its owner holds it. `await using` revokes it at the end of the block. */
export interface Lease extends AsyncDisposable {
  readonly id: bigint
  /** What the server granted, in seconds; may be more than was asked for. */
  readonly ttlSeconds: number
  /**
   * Milliseconds since the epoch, by the clock as it goes now: until then, and no longer, the lease is sure to be alive.
   * Counted from sending. A clock that is set back extends nothing; time that passed while the machine slept has passed;
   * a clock that is set ahead ends the lease early, which is the safe side.
   */
  readonly expiresAt: number
  /** The lease may be gone: work that rests on it has to stop. */
  readonly isLost: boolean
  /**
   * Fires once, when the lease can no longer be relied on: its time is over without a confirmed renewal, the server
   * said that it is gone, it was revoked, or the client was closed. The reason is an EtcdError, mostly `lease_lost`.
   * A lease protects nothing by itself: guard writes by the revision of a key that hangs on it.
   */
  readonly lost: AbortSignal
  /** Begins to renew the lease, every third of its time, at once for the first time. Doing so already is fine. */
  keepAlive(): void
  /** Stops renewing; the lease runs out by itself. */
  letExpire(): void
  /** How long the server gives it, and which keys hang on it; `undefined` when it is gone. */
  timeToLive(options?: { readonly keys?: boolean }): Promise<LeaseInfo | undefined>
  /** Ends the lease and deletes its keys. Gone already is fine. */
  revoke(): Promise<void>
}
