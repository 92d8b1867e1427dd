import type { EtcdClient, KeyRange, Watcher, WatchHandlers } from '@livetree/etcd'

/**
 * Watches from now on, and resolves once a server has created the watch. What is written before that is not delivered:
 * a write overtakes the creation of a watch that was begun earlier.
 */
export function watchFromNow(
  client: EtcdClient,
  range: KeyRange,
  onEvents: WatchHandlers['onEvents'],
): Promise<Watcher> {
  return new Promise((resolve, reject) => {
    const watcher = client.watch.subscribe(range, {
      onEvents,
      onCreated: () => resolve(watcher),
      onEnd: (error) => reject(error ?? new Error('The watch was cancelled')),
    })
  })
}
