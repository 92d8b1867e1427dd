import { keyText } from '@livetree/core/source'
import { EtcdError, type KeyRange } from '@livetree/etcd'
import { keyBytes } from 'livetree/operate'
import { AdminError } from '../errors.ts'
import { watchPast } from '../history/watch-past.ts'
import { readingLayers } from '../tree/tree-state.ts'
import { translated } from '../translate-error.ts'
import type { CallLimit, Workspace } from '../workspace.ts'

/** Which of the store's revisions are looked at. */
export interface RevisionSpan {
  readonly after: number
  readonly until: number
  /** 0n: not known. */
  readonly clusterId: bigint
}

/**
 * Finds the newest removal of each absent key, with its revision. The tree has no revision for an absent key, so it is read
 * from the store's history.
 *
 * @throws AdminError `compacted` if the store does not keep all of that history any more
 */
export function removalsSince(
  workspace: Workspace,
  limit: CallLimit,
  keys: readonly string[],
  span: RevisionSpan,
): Promise<ReadonlyMap<string, number>> {
  const { store } = workspace.settings
  return translated(readingLayers(workspace, "reading the store's history"), async () => {
    const wanted = new Set(keys)
    const found = new Map<string, number>()
    for (const range of rangesOf(store, keys))
      await watchPast(workspace.client, range, limit, {
        ...span,
        onlyRemovals: true,
        onBatch: ({ revision, events }) => {
          for (const key of events.map(({ kv }) => keyText(kv.key)))
            if (wanted.has(key)) found.set(key, Math.max(revision, found.get(key) ?? 0))
        },
      }).catch((error: unknown) => {
        throw isCompacted(error) ? compacted(span.after, error) : error
      })
    return found
  })
}

/** For each layer the range from its first to its last key: the user may read no more than the layers. */
function rangesOf(store: Workspace['settings']['store'], keys: readonly string[]): readonly KeyRange[] {
  const byPrefix = Map.groupBy(keys, (key) => store.prefixes.find((prefix) => key.startsWith(prefix)) ?? key)
  return [...byPrefix.values()].flatMap((group) => {
    const sorted = group.map(keyBytes).toSorted(Buffer.compare)
    const [first, last] = [sorted[0], sorted.at(-1)]
    if (first === undefined || last === undefined) return []
    return [{ from: first, to: Buffer.concat([last, Buffer.of(0)]) }]
  })
}

function isCompacted(error: unknown): boolean {
  return error instanceof EtcdError && error.code === 'compacted'
}

function compacted(after: number, cause: unknown): AdminError {
  return new AdminError('compacted', {
    what: `The store does not keep its history since revision ${after}, so that nothing says whether a key of the change was set and removed since`,
    remedy: 'Plan it again. Nothing was written.',
    cause,
  })
}
