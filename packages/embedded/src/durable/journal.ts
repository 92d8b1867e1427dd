import type { Alarm } from '../alarms.ts'
import type { AuthState } from '../auth/auth-store.ts'
import type { KeyVersion } from '../mvcc/key-history.ts'

/** What a store takes up after a restart. */
export interface StoredState {
  readonly clusterId: bigint
  readonly memberId: bigint
  /** One more with each start. */
  readonly raftTerm: number
  /** Writes so far. */
  readonly raftIndex: number
  readonly revision: number
  readonly compactRevision: number
  readonly auth: AuthState | undefined
  /** Those that were up. */
  readonly alarms: readonly Alarm[]
  readonly leases: readonly { readonly id: bigint; readonly ttlSeconds: number }[]
  /** In order of their writing. */
  readonly versions: Iterable<KeyVersion>
}

/** Single values that are kept. */
export interface Settings {
  readonly compactRevision: number
  readonly auth: AuthState
  readonly alarms: readonly Alarm[]
}

/**
 * Where the state goes to outlive the process. The methods that record may only be called from within `run`'s work;
 * what one work records is kept as a whole or not at all.
 */
export interface Journal {
  /** What an earlier process left. Called once, first. */
  load(): StoredState
  /**
   * Runs `work`, at once or together with others that came at the same time. The result is there, or the promise
   * settles, when all that was recorded is safe. What `work` throws comes back as it is; it must not have recorded.
   */
  run<T>(work: () => T): T | Promise<T>
  addVersions(versions: readonly KeyVersion[]): void
  dropVersions(versions: readonly KeyVersion[]): void
  addLease(id: bigint, ttlSeconds: number): void
  dropLease(id: bigint): void
  save(settings: Partial<Settings>): void
  close(): void
}
