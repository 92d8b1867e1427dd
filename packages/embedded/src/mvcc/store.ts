import { ETCD_ERROR } from '../status.ts'
import { KeyHistory, type KeyVersion } from './key-history.ts'
import { type Key, type KeyRange, keyOf } from './key-range.ts'
import { ownCopy } from './own-copy.ts'
import { SortedKeys } from './sorted-keys.ts'

/** Size of a version besides its key and value, in bytes; about what it takes in etcd's file. */
const VERSION_OVERHEAD_BYTES = 80

/** Records which keys are attached to a lease. The store calls it for every write that changes this. */
export interface LeaseBook {
  attach(lease: bigint, key: Key): void
  detach(lease: bigint, key: Key): void
}

const EMPTY_BYTES = Buffer.alloc(0)
function sizeOf(version: KeyVersion): number {
  return version.key.length + version.value.length + VERSION_OVERHEAD_BYTES
}

/**
 * All keys at all revisions since the last compaction. Pure state: no clock, no I/O. Each call of `write` is
 * one revision, so reads between two calls see complete revisions only.
 */
export class MvccStore {
  readonly #leases: LeaseBook
  readonly #keys = new SortedKeys()
  readonly #histories = new Map<Key, KeyHistory>()
  /** The changes of each revision, from `#logStart` on without a gap. */
  #log: (readonly KeyVersion[])[] = []
  #logStart = 2
  #revision = 1
  #compactRevision = -1
  #bytes = 0

  constructor(leases: LeaseBook) {
    this.#leases = leases
  }

  /** Revision of the newest write; 1 in an empty store. */
  get revision(): number {
    return this.#revision
  }

  /** Oldest readable revision; -1 before the first compaction. */
  get compactRevision(): number {
    return this.#compactRevision
  }

  /** Number of keys that exist or have a stored history. */
  get keyCount(): number {
    return this.#keys.size
  }

  /** Size of all stored versions in bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /** The changes of a revision, in order; empty for a revision that is not stored. */
  changesAt(revision: number): readonly KeyVersion[] {
    return this.#log[revision - this.#logStart] ?? []
  }

  /** The stored versions of a key from a revision on, oldest first. */
  changesOf(key: Key, revision: number): Iterable<KeyVersion> {
    return this.#histories.get(key)?.since(revision) ?? []
  }

  /** @throws StatusError `compacted` or `futureRevision` if the revision is not readable */
  assertReadable(revision: number): void {
    if (revision > this.#revision) throw ETCD_ERROR.futureRevision()
    if (revision < this.#compactRevision) throw ETCD_ERROR.compacted()
  }

  /** A key's state at a revision, which must be readable. */
  get(key: Key, revision: number): KeyVersion | undefined {
    return this.#histories.get(key)?.at(revision)
  }

  /** The state of a range at a revision, which must be readable, in order of the keys. */
  range(range: KeyRange, revision: number): KeyVersion[] {
    if (range.type === 'key') {
      const found = this.get(range.start, revision)
      return found === undefined ? [] : [found]
    }
    const result: KeyVersion[] = []
    for (const key of this.#keys.span(range)) {
      const found = this.get(key, revision)
      if (found !== undefined) result.push(found)
    }
    return result
  }

  /**
   * Runs `work` as one revision, which is only used if something is written. `work` must not throw after a
   * write.
   */
  write<T>(work: (txn: WriteTxn) => T): T {
    const changes: KeyVersion[] = []
    const result = work(new WriteTxn(this, this.#leases, changes, (version) => this.#append(version)))
    if (changes.length > 0) {
      this.#log.push(changes)
      this.#revision += 1
    }
    return result
  }

  /**
   * Removes and returns the versions that only reads below `revision` could see.
   *
   * @throws StatusError `compacted` or `futureRevision`
   */
  compact(revision: number): KeyVersion[] {
    if (revision <= this.#compactRevision) throw ETCD_ERROR.compacted()
    if (revision > this.#revision) throw ETCD_ERROR.futureRevision()
    this.#compactRevision = revision
    if (revision > this.#logStart) {
      this.#log.splice(0, revision - this.#logStart)
      this.#logStart = revision
    }
    const forgotten: KeyVersion[] = []
    for (const [key, history] of this.#histories) {
      for (const version of history.compact(revision)) forgotten.push(version)
      if (!history.isEmpty) continue
      this.#histories.delete(key)
      this.#keys.delete(key)
    }
    for (const version of forgotten) this.#bytes -= sizeOf(version)
    return forgotten
  }

  /** Restores a store from its versions in the order they were written. Called once, before anything else. */
  restore(versions: Iterable<KeyVersion>, revision: number, compactRevision: number): void {
    this.#logStart = Math.max(compactRevision, 2)
    this.#log = Array.from({ length: revision - this.#logStart + 1 }, () => [])
    for (const version of versions) {
      this.#append(version)
      const changes = this.#log[version.modRevision - this.#logStart] as KeyVersion[] | undefined
      changes?.push(version)
    }
    this.#revision = revision
    this.#compactRevision = compactRevision
    for (const [key, history] of this.#histories) {
      const { lease = 0n } = history.at(revision) ?? {}
      if (lease !== 0n) this.#leases.attach(lease, key)
    }
  }

  #append(version: KeyVersion): void {
    const key = keyOf(version.key)
    let history = this.#histories.get(key)
    if (history === undefined) {
      history = new KeyHistory()
      this.#histories.set(key, history)
      this.#keys.add(key)
    }
    history.add(version)
    this.#bytes += sizeOf(version)
  }
}

/** The writes of one revision, and reads that see them. */
export class WriteTxn {
  readonly #store: MvccStore
  readonly #leases: LeaseBook
  readonly #changes: KeyVersion[]
  readonly #append: (version: KeyVersion) => void
  /** The revision that the writes will have. */
  readonly #next: number

  constructor(
    store: MvccStore,
    leases: LeaseBook,
    changes: KeyVersion[],
    append: (version: KeyVersion) => void,
  ) {
    this.#store = store
    this.#leases = leases
    this.#changes = changes
    this.#append = append
    this.#next = store.revision + 1
  }

  /** The newest revision including this transaction's writes. */
  get revision(): number {
    return this.#changes.length > 0 ? this.#next : this.#next - 1
  }

  range(range: KeyRange, revision: number): KeyVersion[] {
    return this.#store.range(range, revision)
  }

  /** Stores the given value without copying it. `lease` must be granted, or 0n for none. */
  put(key: Key, value: Buffer, lease: bigint): void {
    const before = this.#store.get(key, this.#next)
    this.#add({
      key: before?.key ?? ownCopy(Buffer.from(key, 'latin1')),
      value,
      createRevision: before?.createRevision ?? this.#next,
      modRevision: this.#next,
      version: (before?.version ?? 0) + 1,
      lease,
      sub: this.#changes.length,
    })
    this.#moveLease(key, before?.lease ?? 0n, lease)
  }

  /** Deletes the keys of the range that exist; returns how many. */
  delete(range: KeyRange): number {
    const found = this.#store.range(range, this.#next)
    for (const { key, lease } of found) {
      this.#add({
        key,
        value: EMPTY_BYTES,
        createRevision: 0,
        modRevision: this.#next,
        version: 0,
        lease: 0n,
        sub: this.#changes.length,
      })
      this.#moveLease(keyOf(key), lease, 0n)
    }
    return found.length
  }

  #add(version: KeyVersion): void {
    this.#append(version)
    this.#changes.push(version)
  }

  #moveLease(key: Key, from: bigint, to: bigint): void {
    if (from === to) return
    if (from !== 0n) this.#leases.detach(from, key)
    if (to !== 0n) this.#leases.attach(to, key)
  }
}
