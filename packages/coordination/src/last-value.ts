import type { EtcdClient } from '@livetree/etcd'

/** A part of the history of a key. */
export interface KeyHistory {
  readonly client: EtcdClient
  readonly control: { readonly clusterId?: bigint }
  readonly key: string
  /** Later changes are looked at, up to `upTo`. */
  readonly after: number
  readonly upTo: number
  /** Ends the search: its reason is thrown. */
  readonly signal: AbortSignal
}

/** The last text that a key had in a part of its history; undefined if it had none, or if the history cannot be read. */
export async function lastValue({
  client,
  control,
  key,
  after,
  upTo,
  signal,
}: KeyHistory): Promise<string | undefined> {
  let last: string | undefined
  const watcher = client.watch.subscribe(
    { key },
    {
      onEvents: ({ events }) => {
        for (const { type, text, kv } of events) if (type === 'put' && kv.modRevision <= upTo) last = text
      },
    },
    { afterRevision: after, ...control },
  )
  try {
    await watcher.reached(upTo, { signal })
    return last
  } catch {
    signal.throwIfAborted()
    return undefined
  } finally {
    watcher.cancel()
  }
}
