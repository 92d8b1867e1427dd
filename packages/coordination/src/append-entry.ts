import type { Bytes, EtcdClient } from '@livetree/etcd'
import { CallerWait, NOTHING_WRITTEN, type WaitOptions } from './caller-wait.ts'
import { LONGEST_MS } from './check-argument.ts'
import { WriteFate } from './write-fate.ts'

/** What `appendEntry` writes. */
export interface NewEntry {
  /** The name of the queue, for errors. */
  readonly queue: string
  /** The key begins with it. */
  readonly prefix: string
  readonly value: Bytes
}

/** How much longer than the caller the request may take, so that it is the caller's limit that ends it. */
const SLACK_MS = 1_000

/**
 * Appends an entry to a queue, within the caller's limits: what was not sent when they end is never sent.
 *
 * @throws as `Queue.put`
 */
export async function appendEntry(
  client: EtcdClient,
  { queue, prefix, value }: NewEntry,
  limits: WaitOptions,
): Promise<void> {
  const what = `putting into ${queue}`
  const remedy = `Look for it below ${prefix} before you put it again; if it is not there, a taker may have it.`
  using wait = new CallerWait({ what, remedies: NOTHING_WRITTEN }, limits)
  const { timeoutMs } = limits
  const request = timeoutMs === undefined ? {} : { timeoutMs: Math.min(timeoutMs + SLACK_MS, LONGEST_MS) }
  await new WriteFate(what, remedy).send(wait, (signal) =>
    client.kv.append(prefix, value, { ...request, signal }),
  )
}
