import type { EtcdClient, Logger } from '@livetree/etcd'

/** Options of `openSession`. */
export interface SessionOptions {
  /** Seconds until the server drops what the session holds if it is not renewed. At least 1. Default 15. */
  readonly ttlSeconds?: number
  /**
   * Milliseconds before the end of the lease at which the session counts as lost. It covers what the holder takes to
   * react and how far two clocks drift apart within one TTL. Default: a tenth of the granted TTL.
   */
  readonly marginMs?: number
  /** An existing lease to take over instead of granting one. Closing the session revokes it. */
  readonly lease?: bigint
  /** Cancels the opening, and later closes the session. */
  readonly signal?: AbortSignal
  /** Receives what an operator should know. Default: silent. */
  readonly logger?: Logger
}

/**
 * One lease that everything of a process hangs on: locks, candidacies, permits, memberships. The client renews it. A
 * session that is lost stays lost: open a new one. `await using` closes it at the end of the block.
 */
export interface Session extends AsyncDisposable {
  readonly client: EtcdClient
  /** The id of the lease. */
  readonly lease: bigint
  /** As the server granted it; may be more than requested. */
  readonly ttlSeconds: number
  /**
   * Until when the session certainly holds what it holds, in milliseconds since the epoch: counted from when the last
   * confirmed renewal was sent, less the margin.
   */
  readonly expiresAt: number
  /** True if the session is lost or closed. Reads the clock, so it is right also directly after a pause of the process. */
  readonly isLost: boolean
  /**
   * Aborts once, when the session ends: at the latest at `expiresAt` plus the lag of the event loop. The reason is a
   * CoordinationError, `session_lost` or `closed`.
   */
  readonly signal: AbortSignal
  /**
   * Aborts `signal`, then releases everything and revokes the lease, within 5 seconds. Never rejects: if etcd cannot be
   * reached, the lease expires there. Idempotent.
   */
  close(): Promise<void>
}
