import type { KeyVersion } from '../mvcc/key-history.ts'
import { keyOf, rangeHas } from '../mvcc/key-range.ts'
import type { MvccStore } from '../mvcc/store.ts'
import type { TurnBudget } from './catch-up-queue.ts'
import { MAX_BATCH_REVISIONS, type Watcher } from './watcher.ts'

/** A batch is sent once its keys and values have this size, in bytes. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024
/** Size of an event besides its key and value, in bytes. */
const EVENT_OVERHEAD_BYTES = 64
/** The cost of sending an event, in comparisons of a key. */
const LOOKS_PER_EVENT = 4

/** A watcher that is catching up from the history. */
export interface BehindWatcher {
  readonly watcher: Watcher
  /** The first revision that was not sent yet. */
  readonly from: number
}

/** The next part of a watcher's history. */
export interface HistoryBatch {
  readonly watcher: Watcher
  readonly changes: readonly KeyVersion[]
  /** The first revision that was not read. */
  readonly next: number
}

function sizeOf({ key, value }: KeyVersion): number {
  return key.length + value.length + EVENT_OVERHEAD_BYTES
}

/** Reads the next batch for a watcher of one key from the history of that key alone. */
export function readKeyHistory(
  { watcher, from }: BehindWatcher,
  store: MvccStore,
  budget: TurnBudget,
): HistoryBatch {
  const changes: KeyVersion[] = []
  let bytes = 0
  let next = store.revision + 1
  for (const change of store.changesOf(watcher.options.range.start, from)) {
    const isFull = changes.length >= MAX_BATCH_REVISIONS || bytes >= MAX_BATCH_BYTES
    // A revision is never split.
    if (isFull && change.modRevision !== changes.at(-1)?.modRevision) {
      next = change.modRevision
      break
    }
    changes.push(change)
    bytes += sizeOf(change)
  }
  budget.looks -= changes.length * LOOKS_PER_EVENT + 1
  return { watcher, changes: watcher.pick(changes, from), next }
}

/** Reads the next batches for all given watchers of ranges in one pass over the log, within the budget. */
export function readSpanHistories(
  behind: readonly BehindWatcher[],
  store: MvccStore,
  budget: TurnBudget,
): HistoryBatch[] {
  const found = behind.map(({ watcher, from }) => ({ watcher, from, changes: [] as KeyVersion[] }))
  let [revisions, bytes] = [0, 0]
  let revision = found.reduce((least, { from }) => Math.min(least, from), store.revision + 1)
  while (
    revision <= store.revision &&
    budget.looks > 0 &&
    revisions < MAX_BATCH_REVISIONS &&
    bytes < MAX_BATCH_BYTES
  ) {
    const bytesBefore = bytes
    budget.looks -= 1
    for (const change of store.changesAt(revision)) {
      const key = keyOf(change.key)
      budget.looks -= found.length
      for (const { watcher, from, changes } of found) {
        if (revision < from || !rangeHas(watcher.options.range, key)) continue
        bytes += sizeOf(change)
        budget.looks -= LOOKS_PER_EVENT
        for (const picked of watcher.pick([change], revision)) changes.push(picked)
      }
    }
    if (bytes > bytesBefore) revisions += 1
    revision += 1
  }
  return found.map(({ watcher, from, changes }) => ({ watcher, changes, next: Math.max(from, revision) }))
}
