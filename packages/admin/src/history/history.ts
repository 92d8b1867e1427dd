import { isUtf8 } from 'node:buffer'
import { checkOptions, optionKinds, type OptionTable } from '@livetree/core/source'
import { isAlong } from '@livetree/core/tools'
import type { WatchEvent } from '@livetree/etcd'
import { CALL_TABLE, LAYER_TABLE, revisionKind } from '../change/change-set.ts'
import { AdminError } from '../errors.ts'
import { pathOf, type PathLike } from '../selector.ts'
import { placeOf } from '../tree/key-place.ts'
import { choosePrefix, type LayerChoice } from '../tree/target-layer.ts'
import { translated, translatedNow } from '../translate-error.ts'
import type { CallLimit, CallOptions, Workspace } from '../workspace.ts'
import { findRecords, historiesOf } from './find-records.ts'
import {
  type HistoryChange,
  historyChange,
  type HistoryEntry,
  recordedEntry,
  type RecordedEntry,
} from './history-entry.ts'
import { parseRecord, recordedText, type RecordedText, type StoredRecord } from './record.ts'
import { readWrites } from './unrecorded.ts'

/** Options of `Admin.history`. */
export interface HistoryOptions<T = unknown> extends CallOptions, LayerChoice {
  /** Only writes that changed something at, below or above this path. Default: all. */
  readonly path?: PathLike<T> | undefined
  /** Only writes after this revision. Default: all records, and writes by others in the last 100,000 revisions. */
  readonly since?: number | undefined
  /** The most entries, from 1 to 100,000. Default 100. */
  readonly limit?: number | undefined
  /** Leave out writes without a record, which are read from the store's own history. Default false. */
  readonly recordedOnly?: boolean | undefined
}

const table: OptionTable = {
  ...CALL_TABLE,
  ...LAYER_TABLE,
  path: { expected: 'a path', test: (path) => path !== '' },
  since: { ...revisionKind, test: (revision) => Number.isSafeInteger(revision) && (revision as number) >= 0 },
  limit: {
    expected: 'a whole number from 1 to 100,000',
    test: (limit) => Number.isInteger(limit) && (limit as number) >= 1 && (limit as number) <= 100_000,
    isShown: true,
  },
  recordedOnly: optionKinds.flag,
}

/** The writes to the layers, the newest first; see `Admin.history`. */
export async function* readHistory<T>(
  workspace: Workspace,
  options: HistoryOptions<T>,
): AsyncGenerator<HistoryEntry, undefined> {
  translatedNow(() => checkOptions('history()', options, table))
  const { layers } = workspace.settings.store
  const isOneLayer = options.overlay !== undefined || options.layer !== undefined
  const prefix = isOneLayer ? choosePrefix(layers, options) : undefined
  const path = options.path === undefined ? [] : pathOf(options.path)
  const isMeant = (change: Pick<HistoryChange, 'layer' | 'path'>) =>
    (prefix === undefined || change.layer === prefix) && isAlong(path, change.path)
  const limit = workspace.limit(options)
  const { limit: most = 100, since, recordedOnly = false } = options
  const all = await readRecords(workspace, limit, since)
  const recorded = all.filter(({ changes }) => changes.some(isMeant)).slice(0, most)
  const isRecorded = new Set(all.map(({ revision }) => revision))
  const others = recordedOnly ? [] : await readOthers(workspace, limit, { since, most, isRecorded, isMeant })
  yield* [...recorded, ...others].sort((a, b) => b.revision - a.revision).slice(0, most)
  return undefined
}

/** Every record, the parts of one apply joined; the newest first. */
async function readRecords(
  workspace: Workspace,
  limit: CallLimit,
  since: number | undefined,
): Promise<readonly RecordedEntry[]> {
  const found = await findRecords(workspace, limit, since ?? 0)
  const byId = new Map<string, { record: StoredRecord; revision: number }>()
  for (const { record, revision } of found) {
    const known = byId.get(record.id)?.record.changes ?? []
    byId.set(record.id, { record: { ...record, changes: [...known, ...record.changes] }, revision })
  }
  return [...byId.values()]
    .flatMap(({ record, revision }) => recordedEntry(workspace, record, revision) ?? [])
    .sort((a, b) => b.revision - a.revision)
}

interface OthersQuery {
  readonly since: number | undefined
  readonly most: number
  readonly isRecorded: ReadonlySet<number>
  isMeant(change: HistoryChange): boolean
}

async function readOthers(
  workspace: Workspace,
  limit: CallLimit,
  { since, most, isRecorded, isMeant }: OthersQuery,
): Promise<readonly HistoryEntry[]> {
  const { store } = workspace.settings
  const { header } = await translated({ what: 'reading the newest revision' }, () =>
    workspace.client.kv.getRange({
      prefix: store.prefixes[0] ?? '/',
      limit: 1,
      keysOnly: true,
      ...limit.control,
    }),
  )
  const changesOf = (events: readonly WatchEvent[]) =>
    events.filter(({ key }) => !store.isReserved(key)).map((event) => changeOf(workspace, event))
  const writes = await readWrites(workspace, limit, {
    since,
    until: header.revision,
    most,
    clusterId: header.clusterId,
    isMeant: ({ revision, events }) => !isRecorded.has(revision) && changesOf(events).some(isMeant),
  })
  return writes.map(({ revision, events }) => ({ type: 'unrecorded', revision, changes: changesOf(events) }))
}

function changeOf(workspace: Workspace, { type, key, kv, prevKv }: WatchEvent): HistoryChange {
  const { isHidden } = placeOf(workspace, key)
  const before = prevKv === undefined ? undefined : textOf(prevKv.value, isHidden, prevKv.modRevision)
  return historyChange(workspace, key, before, type === 'delete' ? undefined : textOf(kv.value, isHidden))
}

function textOf(value: Buffer, isHidden: boolean, revision?: number): RecordedText {
  return recordedText(value.toString(), isHidden || !isUtf8(value), revision)
}

/** The record with an id; undefined if nothing was applied under it, or its record is pruned. */
export async function findRecord(
  workspace: Workspace,
  id: string,
  options: CallOptions,
): Promise<RecordedEntry | undefined> {
  if (!/^[0-9a-f-]{36}$/.test(id))
    throw new AdminError('invalid_options', {
      what: `find() got ${JSON.stringify(String(id).slice(0, 40))}, which is no id of a record`,
      remedy: '',
    })
  const limit = workspace.limit(options)
  const histories = historiesOf(workspace)
  const needs = histories.map(({ directory }) => ({ prefix: directory, as: 'read' as const }))
  const found = await translated({ what: 'reading the history', needs }, () =>
    Promise.all(histories.map((history) => workspace.client.kv.get(history.keyOf(id), limit.control))),
  )
  const parts = found.flatMap((entry) => {
    const record = entry === undefined ? undefined : parseRecord(entry.text)
    return entry === undefined || record === undefined ? [] : [{ record, revision: entry.createRevision }]
  })
  const [first] = parts
  if (first === undefined) return undefined
  const changes = parts.flatMap(({ record }) => record.changes)
  return recordedEntry(workspace, { ...first.record, changes }, first.revision)
}
