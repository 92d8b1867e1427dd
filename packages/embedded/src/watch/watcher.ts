import { type Event, EventType, WatchFilter } from '@livetree/etcd/wire'
import { isDeletion, type KeyVersion } from '../mvcc/key-history.ts'
import { type KeyRange, keyOf } from '../mvcc/key-range.ts'
import type { MvccStore } from '../mvcc/store.ts'

/** The options of a create request. */
export interface WatcherOptions {
  readonly id: number
  readonly range: KeyRange
  /** The first revision to send; 0 means from now on. */
  readonly startRevision: number
  /** Values of `WatchFilter`. */
  readonly filters: readonly number[]
  readonly wantsPrevKv: boolean
  readonly wantsFragments: boolean
  readonly wantsProgress: boolean
}

/** The progress of a watcher. */
export type WatcherState =
  /** Receives writes as they happen. */
  | { readonly type: 'live' }
  /** Catches up from the history; `from` is the first revision that was not sent yet. */
  | { readonly type: 'behind'; readonly from: number }
  /**
   * Its history is compacted. It receives no more events, but as in etcd it exists until the client cancels
   * it.
   */
  | { readonly type: 'compacted' }

/** Maximum number of revisions in one catch-up message, as in etcd. */
export const MAX_BATCH_REVISIONS = 1000

/** One watch on a stream with its options and progress. */
export class Watcher {
  readonly options: WatcherOptions
  state: WatcherState = { type: 'live' }
  /** Whether events were sent since the last progress notice was due. */
  hadEvents = false

  constructor(options: WatcherOptions, storeRevision: number) {
    this.options = options
    const { startRevision } = options
    if (startRevision !== 0 && startRevision <= storeRevision) {
      this.state = { type: 'behind', from: startRevision }
    }
  }

  /** Filters the changes of a revision within the range to those the watcher receives. */
  pick(changes: readonly KeyVersion[], revision: number): readonly KeyVersion[] {
    const { startRevision, filters } = this.options
    if (revision < startRevision) return []
    if (filters.length === 0) return changes
    const noPut = filters.includes(WatchFilter.noPut)
    const noDelete = filters.includes(WatchFilter.noDelete)
    return changes.filter((change) => (isDeletion(change) ? !noDelete : !noPut))
  }

  /** Converts changes to events, with the previous state if requested and still stored. */
  eventsOf(changes: readonly KeyVersion[], store: MvccStore): Event[] {
    return changes.map((change) => ({
      type: isDeletion(change) ? EventType.delete : EventType.put,
      kv: change,
      prevKv: this.options.wantsPrevKv ? before(change, store) : undefined,
    }))
  }
}

function before(change: KeyVersion, store: MvccStore): KeyVersion | undefined {
  const revision = change.modRevision - 1
  if (change.createRevision === change.modRevision || revision < store.compactRevision) return undefined
  return store.get(keyOf(change.key), revision)
}
