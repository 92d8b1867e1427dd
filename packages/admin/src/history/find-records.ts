import { translated } from '../translate-error.ts'
import { prefixOf } from '../tree/tree-state.ts'
import type { CallLimit, Workspace } from '../workspace.ts'
import type { FoundRecord } from '../change/conflict.ts'
import { RecordKeys } from './record-keys.ts'
import { parseRecord } from './record.ts'

/** More than one apply adds, so that a history that was made shorter shrinks. */
const MOST_PRUNED = 8

/** The histories of the layers of a store. */
export function historiesOf({ settings }: Workspace): readonly RecordKeys[] {
  const { operationsPrefix, store } = settings
  const prefixes = [...new Set(store.layers.map(prefixOf))]
  return prefixes.map((prefix) => new RecordKeys(operationsPrefix, prefix))
}

/** The records of all layers that were written after a revision, the newest first. */
export function findRecords(
  workspace: Workspace,
  limit: CallLimit,
  after: number,
): Promise<readonly FoundRecord[]> {
  const histories = historiesOf(workspace)
  const needs = histories.map(({ directory }) => ({ prefix: directory, as: 'read' as const }))
  return translated({ what: 'reading the history', needs }, async () => {
    const found: FoundRecord[] = []
    for (const history of histories) {
      const { entries } = await workspace.client.kv.getRange({
        ...history.range,
        minCreateRevision: after + 1,
        sort: { by: 'create', order: 'descend' },
        limit: workspace.settings.historyLimit + MOST_PRUNED,
        ...limit.control,
      })
      for (const { key, text, createRevision: revision } of entries) {
        const record = history.idOf(key) === undefined ? undefined : parseRecord(text)
        if (record !== undefined) found.push({ record, revision })
      }
    }
    return found.sort((a, b) => b.revision - a.revision)
  })
}

/** The keys of the oldest records of some histories that are too many once each has one more. */
export function oldRecords(
  workspace: Workspace,
  histories: readonly RecordKeys[],
  limit: CallLimit,
): Promise<readonly string[]> {
  const { historyLimit } = workspace.settings
  const needs = histories.map(({ directory }) => ({ prefix: directory, as: 'readwrite' as const }))
  return translated({ what: 'reading the history', needs }, async () => {
    const old: string[] = []
    for (const history of histories) {
      const query = { ...history.range, ...limit.control }
      const { count } = await workspace.client.kv.getRange({ ...query, countOnly: true })
      if (count < historyLimit) continue
      // The range may hold records of a layer inside this one's prefix, which are not counted and not touched.
      const sort = { by: 'create', order: 'ascend' } as const
      const { entries } = await workspace.client.kv.getRange({ ...query, keysOnly: true, sort })
      const own = entries.filter(({ key }) => history.idOf(key) !== undefined)
      const surplus = Math.min(own.length + 1 - historyLimit, MOST_PRUNED)
      old.push(...own.slice(0, Math.max(0, surplus)).map(({ key }) => key))
    }
    return old
  })
}
