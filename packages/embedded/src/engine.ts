import { AlarmType, type ResponseHeader } from '@livetree/etcd/wire'
import { Alarms } from './alarms.ts'
import { AuthStore } from './auth/auth-store.ts'
import { type Caller, callerWith } from './auth/caller.ts'
import { Tokens } from './auth/tokens.ts'
import type { Clock } from './clock.ts'
import type { Journal } from './durable/journal.ts'
import { Lessor } from './lease/lessor.ts'
import { MvccStore, type WriteTxn } from './mvcc/store.ts'
import { ETCD_ERROR } from './status.ts'
import { WatchHub } from './watch/watch-hub.ts'

/** Options of `Engine`. */
export interface EngineOptions {
  readonly clock: Clock
  /** Size at which writes are refused until space is made, in bytes. */
  readonly quotaBytes: number
  readonly tokenTtlMs: number
  readonly progressIntervalMs: number
  /** Number of newest revisions that automatic compaction keeps; Infinity for none. */
  readonly keepRevisions: number
}

/** Size of an empty store's file in etcd, in bytes. */
const EMPTY_FILE_BYTES = 20 * 1024

/**
 * The whole state of the server, and the only place it changes: every change goes through one of the write
 * methods, which pass it to the journal and then notify the watchers. Independent of gRPC.
 */
export class Engine {
  readonly clock: Clock
  readonly progressIntervalMs: number
  readonly lessor: Lessor
  readonly store: MvccStore
  readonly hub = new WatchHub()
  readonly auth = new AuthStore()
  readonly tokens: Tokens
  readonly alarms = new Alarms()
  readonly memberId: bigint
  readonly raftTerm: number
  readonly #clusterId: bigint
  readonly #journal: Journal
  readonly #quotaBytes: number
  readonly #keepRevisions: number
  #raftIndex: number
  #fileBytes: number

  /** `openJournal` receives a callback for when writes are safe. */
  constructor(openJournal: (onCommitted: () => void) => Journal, options: EngineOptions) {
    this.clock = options.clock
    this.progressIntervalMs = options.progressIntervalMs
    this.#quotaBytes = options.quotaBytes
    this.#keepRevisions = options.keepRevisions
    this.tokens = new Tokens(options.clock, options.tokenTtlMs)
    this.lessor = new Lessor(options.clock, (ids) => this.#revokeExpired(ids))
    this.store = new MvccStore(this.lessor)
    this.#journal = openJournal(() => this.hub.publish())
    try {
      const state = this.#journal.load()
      this.#clusterId = state.clusterId
      this.memberId = state.memberId
      this.raftTerm = state.raftTerm
      this.#raftIndex = state.raftIndex
      this.alarms.restore(state.alarms)
      if (state.auth !== undefined) this.auth.restore(state.auth)
      // As after a change of leader in etcd, leases restart with their full TTL.
      for (const { id, ttlSeconds } of state.leases) this.lessor.grant(id, ttlSeconds)
      this.store.restore(state.versions, state.revision, state.compactRevision)
      this.#fileBytes = this.bytesInUse
    } catch (error) {
      // Nobody else could do this: leases have set a timer, and the file is locked.
      this.close()
      throw error
    }
  }

  /** Index of the last write, of any kind. */
  get raftIndex(): number {
    return this.#raftIndex
  }

  /** Size of the state in bytes. */
  get bytesInUse(): number {
    return EMPTY_FILE_BYTES + this.store.bytes
  }

  /** Size in bytes of a file that only `defragment` shrinks. */
  get fileBytes(): number {
    return this.#fileBytes
  }

  header(revision = this.store.revision): ResponseHeader {
    return { clusterId: this.#clusterId, memberId: this.memberId, revision, raftTerm: this.raftTerm }
  }

  caller(token: string | undefined): Caller {
    return callerWith(this.auth, this.tokens, token)
  }

  /**
   * Writes keys as one revision, or as none if nothing is written. `work` must not throw after a write.
   *
   * @throws StatusError `corrupt` while that alarm is raised
   */
  write<T>(work: (txn: WriteTxn) => T): T | Promise<T> {
    return this.#commit(() => {
      this.alarms.assertWritable()
      return this.#writeKeys(work)
    })
  }

  /** @throws StatusError `compacted` or `futureRevision` */
  compact(revision: number): void | Promise<void> {
    return this.#commit(() => {
      this.alarms.assertWritable()
      this.#forgetBefore(revision)
    })
  }

  /** Grants a lease and returns its TTL in seconds. @throws StatusError `leaseExists`, `leaseTtlTooLarge` or `noSpace` */
  grantLease(id: bigint, ttlSeconds: number): number | Promise<number> {
    const granted = Lessor.grantedTtl(ttlSeconds)
    return this.#commit(() => {
      this.alarms.assertRoom()
      this.lessor.grant(id, granted)
      this.#journal.addLease(id, granted)
      return granted
    })
  }

  /** Deletes a lease's keys in one revision, and then the lease. @throws StatusError `leaseNotFound` */
  revokeLease(id: bigint, caller?: Caller): void | Promise<void> {
    return this.#commit(() => {
      this.alarms.assertWritable()
      if (!this.lessor.has(id)) throw ETCD_ERROR.leaseNotFound()
      if (caller !== undefined) this.assertLeaseWrite(id, caller)
      this.#revoke(id)
    })
  }

  /** Revoking a lease deletes its keys. @throws StatusError `permissionDenied` unless the caller may write all of them */
  assertLeaseWrite(id: bigint, caller: Caller): void {
    for (const key of this.lessor.get(id)?.keys ?? []) caller.assertWrite({ type: 'key', start: key })
  }

  /** Changes users, roles or whether auth is enabled; if `work` throws, it has changed nothing. */
  changeAuth(work: (auth: AuthStore) => void): void | Promise<void> {
    return this.#commit(() => {
      work(this.auth)
      this.#journal.save({ auth: this.auth.state() })
    })
  }

  /** @throws StatusError `noSpace` if this many more bytes do not fit; also raises the alarm */
  assertSpace(bytes: number): void {
    this.alarms.assertRoom()
    if (this.#fileBytes + bytes < this.#quotaBytes) return
    const alarm = { memberId: this.memberId, alarm: AlarmType.noSpace }
    this.#inBackground(() => this.changeAlarms((alarms) => void alarms.activate(alarm)))
    throw ETCD_ERROR.noSpace()
  }

  /** Raises or disarms an alarm. */
  changeAlarms<T>(work: (alarms: Alarms) => T): T | Promise<T> {
    return this.#commit(() => {
      const result = work(this.alarms)
      this.#journal.save({ alarms: this.alarms.list() })
      return result
    })
  }

  /** Frees the space of what was compacted. */
  defragment(): void {
    this.#fileBytes = this.bytesInUse
  }

  close(): void {
    this.lessor.close()
    this.#journal.close()
  }

  #commit<T>(work: () => T): T | Promise<T> {
    return this.#journal.run(() => {
      const result = work()
      this.#raftIndex += 1
      this.#fileBytes = Math.max(this.#fileBytes, this.bytesInUse)
      return result
    })
  }

  #writeKeys<T>(work: (txn: WriteTxn) => T): T {
    const before = this.store.revision
    const result = this.store.write(work)
    const { revision } = this.store
    if (revision === before) return result
    const changes = this.store.changesAt(revision)
    this.#journal.addVersions(changes)
    this.hub.written(revision, changes)
    this.#compactOld(revision)
    return result
  }

  /**
   * Compacts once there are twice as many revisions as are kept, or more of them than keys: a compaction visits every
   * key, so each write pays for a constant share of it.
   */
  #compactOld(revision: number): void {
    const kept = this.#keepRevisions
    const stored = revision - Math.max(this.store.compactRevision, 1)
    if (stored >= kept + Math.max(kept, this.store.keyCount)) this.#forgetBefore(revision - kept)
  }

  #forgetBefore(revision: number): void {
    this.#journal.dropVersions(this.store.compact(revision))
    this.#journal.save({ compactRevision: revision })
  }

  #revoke(id: bigint): void {
    const keys = [...(this.lessor.get(id)?.keys ?? [])].sort()
    this.#writeKeys((txn) => {
      for (const key of keys) txn.delete({ type: 'key', start: key })
    })
    this.lessor.remove(id)
    this.#journal.dropLease(id)
  }

  #revokeExpired(ids: readonly bigint[]): void {
    const revoke = (id: bigint) => () => {
      // A client may have revoked or renewed it meanwhile.
      if (!this.lessor.isExpired(id)) return
      // As in etcd, no lease expires while the alarm is raised; it is tried again, and expires after the
      // alarm.
      if (this.alarms.isWritable) this.#revoke(id)
      else this.lessor.expireLater()
    }
    for (const id of ids) this.#inBackground(() => this.#commit(revoke(id)))
  }

  /** For writes without a waiting caller: the journal itself reports a failure. */
  #inBackground(write: () => void | Promise<void>): void {
    new Promise((resolve) => resolve(write())).catch(() => {})
  }
}
