import type { Bytes, Entry, KnownEntry, RangeResult } from '@livetree/etcd'

/** What `OwnKey.create` writes. */
export interface OwnKeyPlan {
  /** A name that only this session can have, unless `isShared`. */
  readonly key: string
  readonly value: Bytes
  /**
   * What to do when somebody else's write detaches the key from its lease: true attaches it again; false releases the key,
   * for keys that others order by modification.
   */
  readonly canReattach: boolean
  /** True if others may use the same name: then a key under another lease is theirs. Default false. */
  readonly isShared?: boolean
}

/** The key as it was created, with what the same transaction read. */
export interface CreatedKey {
  /** Revision at which the key was created; 0 if a condition failed, or somebody else has the key. */
  readonly token: number
  /** The reads have seen the state at this revision. */
  readonly header: RangeResult['header']
  /** False if an earlier attempt, whose answer was lost, created the key: the reads may have seen later keys, too. */
  readonly isNewest: boolean
  readonly reads: readonly RangeResult[]
}

/** The answer to a request that creates a key: the key that exists already, and the results of the reads. */
export interface CreateAnswer {
  readonly succeeded: boolean
  readonly header: RangeResult['header']
  readonly found: Entry | undefined
  readonly seen: readonly RangeResult[]
}

/** A key that was created in the transaction of this header. */
export function entryOfNew(key: string, { revision }: RangeResult['header']): KnownEntry {
  return { keyBytes: Buffer.from(key), createRevision: revision, modRevision: revision, version: 1 }
}
