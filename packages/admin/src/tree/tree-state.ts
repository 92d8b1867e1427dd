import type { LayerInfo } from '@livetree/core/source'
import { type CandidateSource, type KeySet, readOnce } from '@livetree/core/tools'
import type { EtcdStore, StoreEntry, StoreReading } from 'livetree/operate'
import { type Doing, type Needs, needsIn, translated } from '../translate-error.ts'
import type { CallLimit, Workspace } from '../workspace.ts'

/** Everything that instances read: the store's keys at one revision, and the other sources as they are here and now. */
export interface TreeState {
  readonly reading: StoreReading
  /** By the number of the source; that of the store is undefined. */
  readonly others: readonly (CandidateSource | undefined)[]
  /** What encrypted values are opened with. */
  readonly keys: KeySet
}

/**
 * Reads everything, the store at one revision.
 *
 * @param revision of the store; undefined: the newest
 * @throws AdminError `compacted`, `not_found` for a revision to come, `permission_denied`, `store_unavailable`, `timeout`,
 *   `aborted`
 */
export async function readState(
  workspace: Workspace,
  limit: CallLimit,
  revision?: number,
): Promise<TreeState> {
  const [reading, others, keys] = await Promise.all([
    readStore(workspace, limit, revision),
    readOthers(workspace, limit),
    workspace.keys(limit),
  ])
  return { reading, others, keys }
}

/** What a call that reads all layers does, and needs. */
export function readingLayers({ settings }: Workspace, what: string): Doing {
  const { store } = settings
  return {
    what,
    needs: needsIn(store, [
      ...store.prefixes.map((prefix) => ({ prefix, as: 'read' as const })),
      ...documentNeeds(store, []),
    ]),
  }
}

/** The keys beside the directories of layers: a document of a whole layer stands in one. */
export function documentNeeds({ documentKeys }: EtcdStore, written: readonly string[]): Needs {
  return documentKeys.map((key) => ({
    prefix: key,
    as: written.includes(key) ? 'readwrite' : 'read',
    isKey: true,
  }))
}

/** Reads the store's keys alone. */
export function readStore(workspace: Workspace, limit: CallLimit, revision?: number): Promise<StoreReading> {
  const { store } = workspace.settings
  const at = revision === undefined ? '' : ` at revision ${revision}`
  return translated(readingLayers(workspace, `reading ${store.prefixes.join(', ')}${at}`), () =>
    store.read(workspace.client, { ...limit.control, revision }),
  )
}

function readOthers({ settings }: Workspace, limit: CallLimit): Promise<TreeState['others']> {
  const { sources, own, clock } = settings
  return translated({ what: 'reading the other sources' }, () =>
    Promise.all(
      sources.map((source, index) =>
        index === own ? undefined : readOnce(source, { ...limit.control, clock }),
      ),
    ),
  )
}

/** The sources of a state as the pipeline takes them, with these keys of the store. */
export function candidatesOf(
  { settings }: Workspace,
  { others }: TreeState,
  entries: ReadonlyMap<string, StoreEntry>,
): readonly CandidateSource[] {
  const { store, sources } = settings
  return sources.map((source, index) => {
    const other = others[index]
    return other ?? { name: source.name, layers: store.layers, leaves: store.leavesOf(entries) }
  })
}

/** A layer without the slash at its end, as people write it. */
export function prefixOf({ keyPrefix }: Pick<LayerInfo, 'keyPrefix'>): string {
  return keyPrefix.slice(0, -1)
}

/** The layer of a prefix, the first of them where it is mounted at several places. */
export function layerWith({ settings }: Workspace, prefix: string | undefined): LayerInfo | undefined {
  return settings.store.layers.find((layer) => prefixOf(layer) === prefix)
}
