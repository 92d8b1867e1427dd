import type { EtcdClient, KeyRange, WatchBatch } from '@livetree/etcd'
import type { CallLimit } from '../workspace.ts'

/** What of the past is read. */
export interface PastQuery {
  /** Only what happened after this revision. */
  readonly after: number
  /** Only what happened up to this revision, which is no future one. */
  readonly until: number
  /** The cluster that the revisions belong to; 0n: not known. */
  readonly clusterId: bigint
  /** Only removals, without what was removed. Default: everything, with what was there before. */
  readonly onlyRemovals?: boolean
  onBatch(batch: WatchBatch): void
}

/**
 * Reads what happened to a range of keys from the store's own history, the oldest first.
 *
 * @throws EtcdError `compacted` if the store does not keep all of it any more; AdminError `timeout`, `aborted`
 */
export async function watchPast(
  client: EtcdClient,
  range: KeyRange,
  limit: CallLimit,
  { after, until, clusterId, onlyRemovals = false, onBatch }: PastQuery,
): Promise<void> {
  if (after >= until) return
  const over = AbortSignal.timeout(limit.leftMs)
  const signals = [over, ...(limit.signal === undefined ? [] : [limit.signal])]
  const watcher = client.watch.subscribe(
    range,
    { onEvents: (batch) => void (batch.revision <= until && onBatch(batch)) },
    {
      afterRevision: after,
      ...(onlyRemovals ? { only: 'deletes' as const } : { prevKv: true }),
      ...(clusterId !== 0n && { clusterId }),
    },
  )
  try {
    await watcher.reached(until, { signal: AbortSignal.any(signals) })
  } catch (error) {
    const doing = "reading the store's history"
    limit.assertGoing(doing)
    // The timer may be ahead of the clock that the limit is measured by.
    if (over.aborted) throw limit.over(doing)
    throw error
  } finally {
    watcher.cancel()
  }
}
