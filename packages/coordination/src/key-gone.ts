import type { EtcdClient, KeyRange, RangeResult } from '@livetree/etcd'

/** Where a wait for a deletion begins. */
export interface KeyGoneOptions {
  readonly client: EtcdClient
  /** The key existed at the revision of this header. */
  readonly header: RangeResult['header']
  /** Ends the wait: it rejects with the reason. */
  readonly signal: AbortSignal
}

/**
 * Waits until a key is deleted, or a key of a range, and returns true. Returns false when the history in which that would be
 * seen is compacted, or when the watch ends: the caller then reads the current state.
 *
 * @throws EtcdError if the server refuses to watch the key
 */
export function keyGone(range: KeyRange, { client, header, signal }: KeyGoneOptions): Promise<boolean> {
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
        onEvents: () => {
          watcher.cancel()
          settle(() => resolve(true))
        },
        onEnd: (error) => {
          const isRefused =
            error !== undefined && !['compacted', 'cluster_changed', 'closed'].includes(error.code)
          settle(isRefused ? () => reject(error) : () => resolve(false))
        },
      },
      { afterRevision: header.revision, only: 'deletes', ...clusterOf(header) },
    )
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Restricts a call to the cluster that answered. Servers that report no cluster id are not restricted. */
export function clusterOf({ clusterId }: RangeResult['header']): { readonly clusterId?: bigint } {
  return clusterId === 0n ? {} : { clusterId }
}
