import { type EtcdClient, EtcdError } from '@livetree/etcd'
import { sendAgain } from './send-again.ts'

/** A part of the history of a key. */
export interface KeyHistory {
  readonly client: EtcdClient
  readonly control: { readonly clusterId?: bigint }
  readonly key: string
  /** The part begins here, or where the history is compacted. */
  readonly from: number
  readonly upTo: number
  /** Ends the search: its reason is thrown. */
  readonly signal: AbortSignal
}

/** The last text that a key had in a part of its history; undefined if it had none, or if the history cannot be read. */
export async function lastValue(history: KeyHistory): Promise<string | undefined> {
  for (let { from } = history; ; ) {
    try {
      return (await lastPut(from, history)) ?? (await valueAt(from, history))
    } catch (error) {
      history.signal.throwIfAborted()
      const compactedAt = error instanceof EtcdError ? (error.compactRevision ?? 0) : 0
      if (compactedAt <= from) return undefined
      from = compactedAt
    }
  }
}

async function lastPut(
  afterRevision: number,
  { client, control, key, upTo, signal }: KeyHistory,
): Promise<string | undefined> {
  let last: string | undefined
  const watcher = client.watch.subscribe(
    { key },
    {
      onEvents: ({ events }) => {
        for (const { type, text, kv } of events) if (type === 'put' && kv.modRevision <= upTo) last = text
      },
    },
    { afterRevision, ...control },
  )
  try {
    await watcher.reached(upTo, { signal })
    return last
  } finally {
    watcher.cancel()
  }
}

async function valueAt(
  revision: number,
  { client, control, key, signal }: KeyHistory,
): Promise<string | undefined> {
  const read = () => client.kv.getRange({ key, revision, ...control })
  return (await sendAgain(read, { signal })).entries[0]?.text
}
