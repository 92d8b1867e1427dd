import { EtcdError } from '../errors.ts'
import type { WatchBatch, WatchHandlers } from '../watch/watch-handlers.ts'
import type { WatchOptions } from '../watch/watch-options.ts'
import type { Watcher } from '../watch/watcher.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import { twoStores } from './assert-same-store.ts'

/** The maximum number of changes that are kept in memory. */
const MOST_CHANGES = 200_000

/** What to read, and the callbacks. */
export interface HistoryRequest {
  /** Starts the watch of the range, which recognizes the store of the list. */
  subscribe(handlers: WatchHandlers, options: WatchOptions): Pick<Watcher, 'reached' | 'cancel'>
  /** Changes after this revision are read. */
  readonly after: number
  /** Header of the list up to which changes are read. */
  readonly header: ResponseHeader
  readonly signal: AbortSignal
  onBatch(batch: WatchBatch): void
  /** The connection is lost or could not be established; the watch goes on when it is back. */
  onLost(error: EtcdError | undefined): void
}

/**
 * Watches from a past revision up to a list; see `ReflectedList.readHistory`.
 *
 * @throws EtcdError any error of the watch except a compaction: `cluster_changed` if another store answers than at the list;
 *   the reason of the signal
 */
export async function readHistory(request: HistoryRequest): Promise<number | undefined> {
  const { subscribe, after, header, signal, onBatch, onLost } = request
  const { revision, clusterId } = header
  if (after >= revision) return undefined
  let changes = 0
  const isTooLong = Promise.withResolvers<number>()
  const watcher = subscribe(
    {
      onEvents: (batch) => {
        if (batch.revision > revision || changes > MOST_CHANGES) return
        changes += batch.events.length
        if (changes > MOST_CHANGES) isTooLong.resolve(revision)
        else onBatch(batch)
      },
      onDisconnected: ({ error }) => onLost(error),
    },
    { startRevision: after + 1, clusterId, signal },
  )
  const whole = watcher.reached(revision, { signal }).then(() => undefined)
  try {
    return await Promise.race([whole, isTooLong.promise])
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof EtcdError)) throw error
    // More than is kept waiting for the other ranges of a join, or than one response may hold.
    if (error.code === 'response_too_large') return revision
    if (error.code === 'cluster_changed') throw twoStores(error)
    if (error.code !== 'compacted') throw error
    // If the server does not report where its history begins, the history counts as beginning at the list.
    return error.compactRevision ?? revision
  } finally {
    watcher.cancel()
    whole.catch(() => undefined)
  }
}
