import { type EtcdClient, EtcdError, type KeyRange, type WatchBatch, type WatchEvent } from '@livetree/etcd'
import { translated } from '../translate-error.ts'
import type { CallLimit, Workspace } from '../workspace.ts'

/** Revisions that are looked back at most, unless the caller names where to begin. */
const MOST_REVISIONS = 100_000

/** Which writes are read. */
export interface WritesQuery {
  /** Only those after this revision. Default: those of the last 100,000 revisions. */
  readonly since: number | undefined
  /** Only those up to this revision. */
  readonly until: number
  /** The newest of them, at most this many. */
  readonly most: number
  /** The cluster that the revisions belong to; 0n: not known. */
  readonly clusterId: bigint
  isMeant(batch: WatchBatch): boolean
}

/** The writes of one revision. */
export interface RevisionWrites {
  readonly revision: number
  readonly events: readonly WatchEvent[]
}

/** Reads the writes to the layers from the store's own history, as far as that is not compacted; the newest first. */
export function readWrites(
  workspace: Workspace,
  limit: CallLimit,
  query: WritesQuery,
): Promise<readonly RevisionWrites[]> {
  const { store } = workspace.settings
  const ranges: readonly KeyRange[] = [
    ...store.prefixes.map((prefix) => ({ prefix })),
    ...store.documentKeys.map((key) => ({ key })),
  ]
  const needs = store.prefixes.map((prefix) => ({ prefix, as: 'read' as const }))
  return translated({ what: "reading the store's history", needs }, async () => {
    const byRevision = new Map<number, WatchEvent[]>()
    for (const range of ranges) {
      for (const { revision, events } of await readRange(workspace.client, range, limit, query)) {
        const known = byRevision.get(revision) ?? []
        // A key in two ranges is one write.
        const isNew = (event: WatchEvent) => !known.some(({ kv }) => kv.key.equals(event.kv.key))
        byRevision.set(revision, [...known, ...events.filter(isNew)])
      }
    }
    return [...byRevision]
      .map(([revision, events]) => ({ revision, events }))
      .sort((a, b) => b.revision - a.revision)
      .slice(0, query.most)
  })
}

async function readRange(
  client: EtcdClient,
  range: KeyRange,
  limit: CallLimit,
  query: WritesQuery,
): Promise<readonly WatchBatch[]> {
  let after = query.since ?? Math.max(0, query.until - MOST_REVISIONS)
  for (;;) {
    if (after >= query.until) return []
    try {
      return await watchUntil(client, range, after, limit, query)
    } catch (error) {
      const begin =
        error instanceof EtcdError && error.code === 'compacted' ? error.compactRevision : undefined
      if (begin === undefined || begin <= after) throw error
      after = begin
    }
  }
}

/** Keeps the newest batches only, so that a long history does not fill the memory. */
async function watchUntil(
  client: EtcdClient,
  range: KeyRange,
  after: number,
  limit: CallLimit,
  { until, most, clusterId, isMeant }: WritesQuery,
): Promise<readonly WatchBatch[]> {
  const batches: WatchBatch[] = []
  const signals = [AbortSignal.timeout(limit.leftMs), ...(limit.signal === undefined ? [] : [limit.signal])]
  const signal = AbortSignal.any(signals)
  const watcher = client.watch.subscribe(
    range,
    {
      onEvents: (batch) => {
        if (batch.revision > until || !isMeant(batch)) return
        batches.push(batch)
        if (batches.length > 2 * most) batches.splice(0, batches.length - most)
      },
    },
    { afterRevision: after, prevKv: true, ...(clusterId !== 0n && { clusterId }) },
  )
  try {
    await watcher.reached(until, { signal })
    return batches.slice(-most)
  } catch (error) {
    limit.assertGoing("reading the store's history")
    throw error
  } finally {
    watcher.cancel()
  }
}
