import type { Alarm } from '../alarms.ts'
import type { AuthState } from '../auth/auth-store.ts'
import type { KeyVersion } from '../mvcc/key-history.ts'

/** The state a server restores after a restart. */
export interface StoredState {
  readonly clusterId: bigint
  readonly memberId: bigint
  /** Increments with each start. */
  readonly raftTerm: number
  /** Number of writes so far. */
  readonly raftIndex: number
  readonly revision: number
  readonly compactRevision: number
  readonly auth: AuthState | undefined
  /** Alarms that were raised. */
  readonly alarms: readonly Alarm[]
  readonly leases: readonly { readonly id: bigint; readonly ttlSeconds: number }[]
  /** In the order they were written. */
  readonly versions: Iterable<KeyVersion>
}

/** Values that are stored individually. */
export interface Settings {
  readonly compactRevision: number
  readonly auth: AuthState
  readonly alarms: readonly Alarm[]
}

/**
 * Persists the state. The recording methods may only be called by the work passed to `run`; everything
 * recorded by one work is stored completely or not at all.
 */
export interface Journal {
  /** Loads the state of an earlier process. Called once, first. */
  load(): StoredState
  /**
   * Runs `work`, immediately or together with other concurrent work. The result is returned, or the promise
   * settles, when everything recorded is safe. An exception of `work` is passed on; it must not have recorded
   * anything.
   */
  run<T>(work: () => T): T | Promise<T>
  addVersions(versions: readonly KeyVersion[]): void
  dropVersions(versions: readonly KeyVersion[]): void
  addLease(id: bigint, ttlSeconds: number): void
  dropLease(id: bigint): void
  save(settings: Partial<Settings>): void
  close(): void
}
