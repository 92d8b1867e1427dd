import type { EtcdClient, KeyRange, RangeResult, WatchOptions } from '@livetree/etcd'

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

/**
 * Waits until a key is deleted, or a key of a range, and returns true. Returns false when the history in which that would be
 * seen is compacted, or when the watch ends: the caller then reads the current state.
 *
 * @throws EtcdError if the server refuses to watch the key
 */
export function keyGone(range: KeyRange, options: KeyGoneOptions): Promise<boolean> {
  return nextEvent(range, options, { only: 'deletes' })
}

/**
 * Waits for a change in a range after the revision of the header, and returns true. Returns false when changes may be
 * missing: the caller reads the current state in any case.
 *
 * @throws EtcdError if the server refuses to watch the range
 */
export function anyChange(range: KeyRange, options: AnyChangeOptions): Promise<boolean> {
  return nextEvent(range, options, {})
}

function nextEvent(
  range: KeyRange,
  { client, header, signal, counts = () => true }: AnyChangeOptions,
  filter: Pick<WatchOptions, 'only'>,
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
        onEvents: ({ events }) => {
          if (!events.some(({ key }) => counts(key))) return
          settle(() => resolve(true))
          watcher.cancel()
        },
        onEnd: (error) => {
          const isRefused =
            error !== undefined && !['compacted', 'cluster_changed', 'closed'].includes(error.code)
          settle(isRefused ? () => reject(error) : () => resolve(false))
        },
      },
      { afterRevision: header.revision, ...filter, ...clusterOf(header) },
    )
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Restricts a call to the cluster that answered. Servers that report no cluster id are not restricted. */
export function clusterOf({ clusterId }: RangeResult['header']): { readonly clusterId?: bigint } {
  return clusterId === 0n ? {} : { clusterId }
}
