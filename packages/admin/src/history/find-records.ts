import { translated } from '../translate-error.ts'
import type { CallLimit, Workspace } from '../workspace.ts'
import type { FoundRecord } from '../change/conflict.ts'
import type { RecordKeys } from './record-keys.ts'
import { indexRecords, readRecords } from './record-index.ts'

/** More than one apply adds, so that a history that was made shorter shrinks. */
const MOST_PRUNED = 8

/** The records that some revisions after one have written. */
export async function findRecords(
  workspace: Workspace,
  limit: CallLimit,
  after: number,
  revisions: ReadonlySet<number>,
): Promise<readonly FoundRecord[]> {
  const index = await indexRecords(workspace, limit, after)
  const wanted = index.filter(({ revision }) => revisions.has(revision))
  const found: FoundRecord[] = []
  for await (const { read, revision } of readRecords(workspace, () => limit, wanted))
    if (read.type === 'record') found.push({ record: read.record, revision })
  return found
}

/** Records that may be pruned. */
export interface OldRecords {
  readonly keys: readonly string[]
  /** The revision of the store when they were counted. */
  readonly revision: number
}

/** The keys of the oldest records of some histories that are too many once each has one more. */
export function oldRecords(
  workspace: Workspace,
  histories: readonly RecordKeys[],
  limit: CallLimit,
): Promise<OldRecords> {
  const { historyLimit } = workspace.settings
  const needs = histories.map(({ directory }) => ({ prefix: directory, as: 'readwrite' as const }))
  return translated({ what: 'reading the history', needs }, async () => {
    const old: string[] = []
    let revision = Number.MAX_SAFE_INTEGER
    for (const history of histories) {
      const query = { ...history.range, ...limit.control }
      const { count, header } = await workspace.client.kv.getRange({ ...query, countOnly: true })
      revision = Math.min(revision, header.revision)
      if (count < historyLimit) continue
      // The range may hold records of a layer inside this one's prefix, which are not counted and not touched.
      const sort = { by: 'create', order: 'ascend' } as const
      const { entries } = await workspace.client.kv.getRange({ ...query, keysOnly: true, sort })
      const own = entries.filter(({ key }) => history.idOf(key) !== undefined)
      const surplus = Math.min(own.length + 1 - historyLimit, MOST_PRUNED)
      old.push(...own.slice(0, Math.max(0, surplus)).map(({ key }) => key))
    }
    return { keys: old, revision }
  })
}
