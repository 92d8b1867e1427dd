import { EtcdError } from '../errors.ts'
import type { WatchBatch, WatchHandlers } from '../watch/watch-handlers.ts'
import type { WatchOptions } from '../watch/watch-options.ts'
import type { Watcher } from '../watch/watcher.ts'
import type { ResponseHeader } from '../wire/kv.ts'

/** A history of more changes is not kept in memory. */
const MOST_CHANGES = 200_000

export interface HistoryRequest {
  /** Begins the watch of the range in question. */
  subscribe(handlers: WatchHandlers, options: WatchOptions): Watcher
  /** The last revision that is not wanted. */
  readonly after: number
  /** Of the list up to which the history is wanted. */
  readonly header: ResponseHeader
  readonly signal: AbortSignal
  onBatch(batch: WatchBatch): void
}

/**
 * Watches from the past up to a list; see `ReflectedList.readHistory`.
 *
 * @throws EtcdError whatever the watch ends with, but for a compaction; the reason of the signal
 */
export async function readHistory(request: HistoryRequest): Promise<number | undefined> {
  const { subscribe, after, header, signal, onBatch } = request
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
    },
    { startRevision: after + 1, clusterId, signal },
  )
  const whole = watcher.reached(revision, { signal }).then(() => undefined)
  try {
    return await Promise.race([whole, isTooLong.promise])
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof EtcdError) || error.code !== 'compacted') throw error
    // A server that does not say where its history begins is not asked for the rest of it.
    return error.compactRevision ?? revision
  } finally {
    watcher.cancel()
    whole.catch(() => undefined)
  }
}
