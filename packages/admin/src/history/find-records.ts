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
    for (const { range } of histories) {
      const { entries } = await workspace.client.kv.getRange({
        ...range,
        minCreateRevision: after + 1,
        sort: { by: 'create', order: 'descend' },
        limit: workspace.settings.historyLimit + MOST_PRUNED,
        ...limit.control,
      })
      for (const { text, createRevision: revision } of entries) {
        const record = parseRecord(text)
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
    for (const { range } of histories) {
      const { entries, count } = await workspace.client.kv.getRange({
        ...range,
        keysOnly: true,
        sort: { by: 'create', order: 'ascend' },
        limit: MOST_PRUNED,
        ...limit.control,
      })
      old.push(...entries.slice(0, Math.max(0, count + 1 - historyLimit)).map(({ key }) => key))
    }
    return old
  })
}
