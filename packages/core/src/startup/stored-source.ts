import { describeIssues, LivetreeError } from '../errors.ts'
import type { Issue } from '../issue.ts'
import type { SnapshotDocument, StoredLayer } from '../snapshot-file/snapshot-document.ts'
import { foreignName } from '../snapshot-file/snapshot-file.ts'
import { type Leaf, type Source, Unreadable } from '../source/source.ts'
import type { SourceState } from '../updates/source-state.ts'
import type { StoredTree } from '../updates/validator.ts'
import { earlierStateOf } from './earlier-state.ts'

/**
 * What the source held. What was left out of the file was set, to something else than what is read where nothing is set: it
 * stands there as what cannot be read, and is an issue unless a layer above gives the same place whole.
 */
export function storedSource(document: SnapshotDocument, { name, layers }: Source): StoredTree {
  const stored = document.sources.find((each) => each.name === name)
  if (stored === undefined) throw new LivetreeError('internal', `The snapshot lacks source ${name}.`)
  const { revision, epoch } = stored
  const state = earlierStateOf(stored, layers, false)
  const missing = new Unreadable(document.hasSecrets ? NOT_STORED : NO_KEY)
  const leavesOf = (leaves: readonly Leaf[], index: number) => [
    ...leaves,
    ...(state.withheld?.[index] ?? []).map(({ path, revision }) => ({ path, revision, value: missing })),
  ]
  return { revision, epoch, layers: state.layers.map(leavesOf) }
}

const NO_KEY = 'left out of the snapshot, since it may hold a secret and there is no snapshot.key'
const NOT_STORED = 'left out of the snapshot, since its value cannot be stored'

/** @throws LivetreeError `snapshot_outdated` where it cannot stand in for what the sources hold now */
export function checkDocument(
  { name, sources }: { readonly name: string; readonly sources: readonly SourceState[] },
  document: SnapshotDocument,
  path: string,
): SnapshotDocument {
  const outdated = (what: string) =>
    new LivetreeError(
      'snapshot_outdated',
      `The snapshot ${path} ${what}. Start once with the sources available.`,
    )
  if (document.name !== name) throw new LivetreeError('snapshot_outdated', foreignName(path, document.name))
  for (const { source } of sources.filter((state) => state.source.isRemote)) {
    const stored = document.sources.find((other) => other.name === source.name)
    const names = new Set(stored?.layers.map((layer) => layer.name))
    if (stored === undefined || source.layers.some((layer) => !names.has(layer.name))) {
      throw outdated(`does not hold what source ${source.name} holds now`)
    }
  }
  return document
}

/** The error for a readable snapshot that is invalid with the current schema and sources. */
export function unfit(
  document: SnapshotDocument,
  issues: readonly Issue[],
  fingerprint: string,
  path: string,
): LivetreeError {
  const why =
    document.fingerprint !== fingerprint
      ? 'it was written for another schema'
      : `it is not valid with the schema and the other sources of now${isPartial(document) ? '; it holds no secrets, since there is no snapshot.key' : ''}`
  return new LivetreeError(
    'snapshot_outdated',
    describeIssues(`The snapshot ${path} cannot be used: ${why}.`, issues),
    {
      issues,
    },
  )
}

/** Whether leaves were left out since there was no key; unknown for a file of an earlier version. */
function isPartial({ hasSecrets, sources }: SnapshotDocument): boolean {
  const leavesOut = ({ withheld }: StoredLayer) => withheld === undefined || withheld.length > 0
  return !hasSecrets && sources.some(({ layers }) => layers.some(leavesOut))
}
