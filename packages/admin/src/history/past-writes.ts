import type { Path } from '@livetree/core'
import { EtcdError, type KeyRange } from '@livetree/etcd'
import { readingLayers } from '../tree/tree-state.ts'
import { translated } from '../translate-error.ts'
import type { CallLimit, Workspace } from '../workspace.ts'
import { changeOfEvent, type HistoryChange } from './history-entry.ts'
import { watchPast } from './watch-past.ts'

/** The writes of one revision. */
export interface PastWrite {
  readonly revision: number
  readonly changes: readonly HistoryChange[]
}

/** Which writes are read, the newest first. */
export interface PastWrites {
  /** Only those after this revision. */
  readonly after: number
  /** Only those up to this revision, which is no future one. */
  readonly until: number
  /** The cluster that the revisions belong to; 0n: not known. */
  readonly clusterId: bigint
  /** What is asked for; a key that has several places is shown at the one along it. */
  readonly path: Path
  /** Whether what a revision wrote to a layer is left out. @param layer its prefix */
  isLeftOut(revision: number, layer: string): boolean
  isMeant(change: HistoryChange): boolean
}

/** Revisions of the first window; each one after it has four times as many, since a server reads on to the newest. */
const FIRST_WINDOW = 1_000
/** What of a window is held: its newest writes, of which at least one. The next window goes on from there. */
const MOST_HELD = 200
const MOST_HELD_CHARACTERS = 8 * 1024 * 1024

/**
 * Reads the writes to the layers from the store's own history, window by window, as far as that is not compacted; the newest
 * first. Only the windows that are asked for are read, and only a part of one is held.
 */
export async function* pastWrites(
  workspace: Workspace,
  limitOf: () => CallLimit,
  query: PastWrites,
): AsyncGenerator<PastWrite, undefined> {
  let { until } = query
  let least = query.after
  let size = FIRST_WINDOW
  while (until > least) {
    const after = Math.max(least, until - size)
    const window = await readWindow(workspace, limitOf(), { ...query, after, until })
    if (window.type === 'compacted') {
      // What is older than this is gone.
      if (window.at >= until) return undefined
      least = Math.max(window.at, after + 1)
      continue
    }
    yield* window.writes
    size = window.after > after ? Math.max(FIRST_WINDOW, 2 * (until - window.after)) : 4 * size
    until = window.after
  }
  return undefined
}

type Window =
  | { readonly type: 'read'; readonly after: number; readonly writes: readonly PastWrite[] }
  | { readonly type: 'compacted'; readonly at: number }

function readWindow(workspace: Workspace, limit: CallLimit, query: PastWrites): Promise<Window> {
  const { store } = workspace.settings
  const ranges: readonly KeyRange[] = [
    ...store.prefixes.map((prefix) => ({ prefix })),
    ...store.documentKeys.map((key) => ({ key })),
  ]
  return translated(readingLayers(workspace, "reading the store's history"), async () => {
    const held = await Promise.all(ranges.map((range) => readRange(workspace, range, limit, query))).catch(
      (error: unknown) => compactedAt(error),
    )
    if (!Array.isArray(held)) return { type: 'compacted', at: held }
    // Before this revision, at least one of the ranges has been compacted.
    const after = Math.max(query.after, ...held.map((each) => each.after))
    const byRevision = new Map<number, HistoryChange[]>()
    for (const { revision, changes } of held.flatMap(({ writes }) => writes))
      if (revision > after) byRevision.set(revision, [...(byRevision.get(revision) ?? []), ...changes])
    const writes = [...byRevision]
      .map(([revision, changes]) => ({ revision, changes }))
      .sort((a, b) => b.revision - a.revision)
    return { type: 'read', after, writes }
  })
}

function compactedAt(error: unknown): number {
  const at = error instanceof EtcdError && error.code === 'compacted' ? error.compactRevision : undefined
  if (at === undefined) throw error
  return at
}

async function readRange(
  workspace: Workspace,
  range: KeyRange,
  limit: CallLimit,
  { after, until, clusterId, path, isLeftOut, isMeant }: PastWrites,
): Promise<{ readonly after: number; readonly writes: readonly PastWrite[] }> {
  const { store } = workspace.settings
  const held: (PastWrite & { readonly size: number })[] = []
  let size = 0
  let from = after
  await watchPast(workspace.client, range, limit, {
    after,
    until,
    clusterId,
    onBatch: ({ revision, events }) => {
      const changes = events
        .filter(({ key }) => !store.isReserved(key))
        .map((event) => changeOfEvent(workspace, event, path))
        .filter(({ layer }) => !isLeftOut(revision, layer))
      if (!changes.some(isMeant)) return
      held.push({ revision, changes, size: sizeOf(changes) })
      size += held.at(-1)?.size ?? 0
      while (held.length > 1 && (held.length > MOST_HELD || size > MOST_HELD_CHARACTERS)) {
        const oldest = held.shift()
        size -= oldest?.size ?? 0
        from = oldest?.revision ?? from
      }
    },
  })
  return { after: from, writes: held }
}

function sizeOf(changes: readonly HistoryChange[]): number {
  return changes.reduce(
    (sum, { key, before, after }) =>
      sum + 2 * key.length + (before?.text?.length ?? 0) + (after?.text?.length ?? 0),
    0,
  )
}
