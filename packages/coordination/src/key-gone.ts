import type {
  EtcdClient,
  KeyRange,
  KnownEntry,
  RangeResult,
  WatchBatch,
  WatchHandlers,
  WatchOptions,
} from '@livetree/etcd'
import { sendAgain } from './send-again.ts'

/** Where a wait for a deletion begins. */
export interface KeyGoneOptions {
  readonly client: EtcdClient
  /** The key existed at the revision of this header. */
  readonly header: RangeResult['header']
  /** Ends the wait: it rejects with the reason. */
  readonly signal: AbortSignal
}

/** Which changes end a wait for any. */
export interface AnyChangeOptions extends KeyGoneOptions {
  /** False for keys whose changes are passed over. Default: all count. */
  readonly counts?: (key: string) => boolean
}

/** How to wait for a deletion. */
export interface DeletionOptions extends KeyGoneOptions {
  /** The key as it was at the header, if it is at hand: the watch reads it otherwise. */
  readonly entry?: KnownEntry
  /**
   * True if the key may be deleted within the next tenth of a second. etcd serves a watch that starts at a revision of the
   * past only every 100 ms until it has caught up, so then one that starts now is used, and a read for what was before.
   * Default false, which costs no read.
   */
  readonly isSoon?: boolean
}

/**
 * Waits until a key is deleted, or a key of a range, and returns true. Returns false when the history in which that would be
 * seen is compacted, or when the watch ends: the caller then reads the current state.
 *
 * @throws EtcdError if the server refuses to watch the key
 */
export function keyGone(range: KeyRange, options: DeletionOptions): Promise<boolean> {
  if (options.isSoon === true) return goneFromNow(range, options)
  const { header, entry } = options
  const known = entry === undefined ? {} : { known: [entry] }
  const where = { only: 'deletes', afterRevision: header.revision, ...known } as const
  return nextEvent(range, options, where, () => true)
}

/**
 * Waits for a change in a range after the revision of the header, and returns true. Returns false when changes may be
 * missing: the caller reads the current state in any case. Two watches wait for it: one from the revision, which misses
 * nothing, and one from now, which etcd serves without delay.
 *
 * @throws EtcdError if the server refuses to watch the range
 */
export async function anyChange(range: KeyRange, options: AnyChangeOptions): Promise<boolean> {
  const { header, counts = () => true } = options
  const isCounted = ({ revision, events }: WatchBatch): boolean =>
    revision > header.revision && events.some(({ key }) => counts(key))
  return firstOf(options.signal, (signal) => [
    nextEvent(range, { ...options, signal }, { afterRevision: header.revision }, isCounted),
    nextEvent(range, { ...options, signal }, {}, isCounted),
  ])
}

/** Settles as the first of several promises does, and aborts what the others wait for. */
async function firstOf<R>(
  signal: AbortSignal,
  begin: (either: AbortSignal) => readonly Promise<R>[],
): Promise<R> {
  const stop = new AbortController()
  try {
    return await Promise.race(begin(AbortSignal.any([signal, stop.signal])))
  } finally {
    stop.abort()
  }
}

/** The watch shows what is deleted after its creation, and a read what was deleted before. */
function goneFromNow(range: KeyRange, options: DeletionOptions): Promise<boolean> {
  const { client, header } = options
  // A member that lags may deliver deletions from before the header.
  const isLater = ({ revision }: WatchBatch): boolean => revision > header.revision
  return firstOf(options.signal, (signal) => {
    const read = Promise.withResolvers<boolean>()
    const query = { ...range, keysOnly: true, limit: 1, ...clusterOf(header) }
    const onCreated: WatchHandlers['onCreated'] = ({ revision }) => {
      if (revision === header.revision) return
      sendAgain(() => client.kv.getRange(query), { signal, isPatient: true }).then(({ entries }) => {
        const [entry] = entries
        if (entry === undefined || entry.createRevision > header.revision) read.resolve(true)
      }, read.reject)
    }
    return [nextEvent(range, { ...options, signal }, { only: 'deletes' }, isLater, onCreated), read.promise]
  })
}

/** Waits for the first batch that `counts`. */
function nextEvent(
  range: KeyRange,
  { client, header, signal }: KeyGoneOptions,
  where: Pick<WatchOptions, 'only' | 'afterRevision' | 'known'>,
  counts: (batch: WatchBatch) => boolean,
  onCreated?: WatchHandlers['onCreated'],
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      reject(signal.reason)
      watcher.cancel()
    }
    const settle = (run: () => void): void => {
      signal.removeEventListener('abort', onAbort)
      run()
    }
    const watcher = client.watch.subscribe(
      range,
      {
        ...(onCreated === undefined ? {} : { onCreated }),
        onEvents: (batch) => {
          if (!counts(batch)) return
          settle(() => resolve(true))
          watcher.cancel()
        },
        onEnd: (error) => {
          const isRefused =
            error !== undefined && !['compacted', 'cluster_changed', 'closed'].includes(error.code)
          settle(isRefused ? () => reject(error) : () => resolve(false))
        },
      },
      { ...where, ...clusterOf(header) },
    )
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Restricts a call to the cluster that answered. Servers that report no cluster id are not restricted. */
export function clusterOf({ clusterId }: RangeResult['header']): { readonly clusterId?: bigint } {
  return clusterId === 0n ? {} : { clusterId }
}
