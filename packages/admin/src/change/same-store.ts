import { op } from '@livetree/etcd'
import { keyBytes, type StoreEntry } from 'livetree/operate'
import { monotonicNow } from '../clock.ts'
import { AdminError } from '../errors.ts'
import { newestRevision } from '../history/newest-revision.ts'
import { readingLayers, type TreeState } from '../tree/tree-state.ts'
import { translateError } from '../translate-error.ts'
import type { CallLimit, Workspace } from '../workspace.ts'

/** A server is not stopped, restored and started in less time, in milliseconds. */
const RESTORE_MS = 500
/** The newest entries tell most: a store that was restored from a backup has lost the newest writes. */
const MOST_COMPARED = 16

/**
 * Compares the store with a reading: one that was restored from a backup has the same cluster id, and writes other texts with the
 * revisions that the reading has seen. What the store no longer keeps is not compared.
 *
 * @throws AdminError `store_changed`
 */
export async function assertSameStore(
  workspace: Workspace,
  limit: CallLimit,
  { reading, readAt }: TreeState,
): Promise<void> {
  if (monotonicNow(workspace.settings.clock) - readAt < RESTORE_MS) return
  const { revision } = reading
  const newest = [...reading.entries.values()]
    .toSorted((one, other) => other.modRevision - one.modRevision)
    .slice(0, MOST_COMPARED)
  if (newest.length === 0) return assertPast((await newestRevision(workspace, limit)).revision, revision)
  const reads = newest.map(({ key }) => op.getRange({ key: keyBytes(key), revision, limit: 1 }))
  try {
    const { results } = await workspace.client.kv
      .txn()
      .then(...reads)
      .commit(limit.control)
    const isSame = results.every(({ entries: [entry] }, index) => {
      const read = newest[index]
      return read !== undefined && entry?.modRevision === read.modRevision && isValueOf(read, entry.value)
    })
    if (!isSame) throw storeChanged(`what the store has at revision ${revision} is not what was read there`)
  } catch (error) {
    const translated = translateError(error, readingLayers(workspace, 'comparing the store with the plan'))
    if (translated.code === 'not_found') throw storeChanged(`the store has no revision ${revision} yet`)
    if (translated.code !== 'compacted') throw translated
  }
}

/** @throws AdminError `store_changed` for a plan of a revision to come */
export function assertPast(newest: number, planned: number): void {
  if (planned > newest)
    throw storeChanged(`the plan was made at revision ${planned}, and the store is at ${newest}`)
}

/** Whether a value is the one that was read. */
export function isValueOf({ value }: Pick<StoreEntry, 'value'>, bytes: Buffer): boolean {
  return typeof value === 'string' ? bytes.equals(Buffer.from(value)) : bytes.equals(value)
}

function storeChanged(what: string): AdminError {
  return new AdminError('store_changed', {
    what: `This is another store, or it was restored from an earlier backup: ${what}`,
  })
}
