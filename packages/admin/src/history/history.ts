import type { Path } from '@livetree/core'
import { checkOptions, optionKinds, type OptionTable } from '@livetree/core/source'
import { aboveItems, isAlong } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import { pathOf, type PathLike } from '../selector.ts'
import { assertInSchema } from '../tree/assert-in-schema.ts'
import { chosenPrefix, type LayerChoice } from '../tree/target-layer.ts'
import { translatedNow } from '../translate-error.ts'
import type { CallLimit, CallOptions, Workspace } from '../workspace.ts'
import { type HistoryChange, type HistoryEntry, recordedEntry, type RecordedEntry } from './history-entry.ts'
import { newestRevision } from './newest-revision.ts'
import { pastWrites } from './past-writes.ts'
import { historiesOf } from './record-keys.ts'
import { CALL_TABLE, LAYER_TABLE, revisionKind } from '../option-tables.ts'
import { type FoundRead, type IndexedRecord, indexRecords, readIndexed, readRecords } from './record-index.ts'

/** Options of `Admin.history`. */
export interface HistoryOptions<T = unknown> extends CallOptions, LayerChoice {
  /**
   * Only writes that changed something at, below or above this path. Of an item of a list, all writes to the list: the same index
   * is another key from one write to the next. Default: all.
   */
  readonly path?: PathLike<T> | undefined
  /** Only writes after this revision. Default: all records, and writes by others in the last 100,000 revisions. */
  readonly since?: number | undefined
  /** The most entries, from 1 to 100,000. Default 100. */
  readonly limit?: number | undefined
  /** Leave out writes without a record, which are read from the store's own history. Default false. */
  readonly recordedOnly?: boolean | undefined
}

/** Revisions that are looked back at most, unless the caller names where to begin. */
const MOST_REVISIONS = 100_000

const OPTION_TABLE: OptionTable = {
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

/** What of the history is meant. */
interface Query {
  readonly path: Path
  readonly since: number | undefined
  /** The prefix of the only layer that is read; undefined: all layers. */
  readonly prefix: string | undefined
  isMeant(change: Pick<HistoryChange, 'layer' | 'path'>): boolean
  /** Each request of the caller for more has the whole time. */
  limitOf(): CallLimit
}

/** The writes to the layers, the newest first; see `Admin.history`. */
export async function* readHistory<T>(
  workspace: Workspace,
  options: HistoryOptions<T>,
): AsyncGenerator<HistoryEntry, undefined> {
  translatedNow(() => checkOptions('history()', options, OPTION_TABLE))
  const { layers } = workspace.settings.store
  const prefix = chosenPrefix(layers, options)
  const place = options.path === undefined ? [] : pathOf(options.path)
  const path = aboveItems(workspace.settings.definition, place)
  const { limit: most = 100, since, recordedOnly = false } = options
  const query: Query = {
    path,
    since,
    prefix,
    isMeant: (change) => (prefix === undefined || change.layer === prefix) && isAlong(path, change.path),
    limitOf: () => workspace.limit(options),
  }
  const index = await indexRecords(workspace, query.limitOf(), since ?? 0)
  const recorded = recordedEntries(workspace, index, query)
  const others = recordedOnly ? undefined : unrecordedEntries(workspace, index, query)
  let count = 0
  for await (const entry of newestFirst(recorded, others)) {
    yield entry
    if (++count === most) return undefined
  }
  if (count === 0) assertInSchema(workspace, place)
  return undefined
}

async function* recordedEntries(
  workspace: Workspace,
  index: readonly IndexedRecord[],
  query: Query,
): AsyncGenerator<HistoryEntry, undefined> {
  for await (const found of readRecords(workspace, query.limitOf, index)) {
    const entry = await entryOf(workspace, found, query)
    const isOfLayer = query.prefix === undefined || found.prefixes.includes(query.prefix)
    // Nothing says what it changed.
    const isUnknown = entry.changes.length === 0 && query.path.length === 0 && isOfLayer
    if (entry.changes.some(query.isMeant) || isUnknown) yield entry
  }
  return undefined
}

async function entryOf(
  workspace: Workspace,
  { id, revision, prefixes, read }: FoundRead,
  query: Query,
): Promise<HistoryEntry> {
  if (read.type === 'record') return recordedEntry(workspace, read.record, revision, query.path)
  const { clusterId } = await newestRevision(workspace, query.limitOf())
  // A layer whose part of the record is pruned is shown as an unrecorded write.
  const isLeftOut = (_: number, layer: string) => !prefixes.includes(layer)
  const all = { isMeant: () => true, isLeftOut }
  const span = { after: revision - 1, until: revision, clusterId, path: query.path }
  const writes = pastWrites(workspace, query.limitOf, { ...span, ...all })
  const { value } = await writes.next()
  const common = { revision, id, changes: value?.changes ?? [] }
  return read.type === 'newer'
    ? { type: 'newer', version: read.version, ...common }
    : { type: 'unreadable', ...common }
}

async function* unrecordedEntries(
  workspace: Workspace,
  index: readonly IndexedRecord[],
  { path, since, isMeant, limitOf }: Query,
): AsyncGenerator<HistoryEntry, undefined> {
  const partOf = (revision: number, prefix: string) => `${revision} ${prefix}`
  const isRecorded = new Set(
    index.flatMap(({ revision, parts }) => parts.map(({ history }) => partOf(revision, history.prefix))),
  )
  const { revision: until, clusterId } = await newestRevision(workspace, limitOf())
  const after = since ?? Math.max(0, until - MOST_REVISIONS)
  // Each layer prunes its own part of a record: what one has says nothing of the others.
  const isLeftOut = (revision: number, layer: string) => isRecorded.has(partOf(revision, layer))
  for await (const write of pastWrites(workspace, limitOf, {
    after,
    until,
    clusterId,
    path,
    isLeftOut,
    isMeant,
  }))
    yield { type: 'unrecorded', ...write }
  return undefined
}

const DONE = { done: true, value: undefined } as const

/** Joins two histories, each with its newest first; of each no more is read than one entry ahead. */
async function* newestFirst(
  one: AsyncGenerator<HistoryEntry, undefined>,
  other: AsyncGenerator<HistoryEntry, undefined> | undefined,
): AsyncGenerator<HistoryEntry, undefined> {
  try {
    let [first, second] = [await one.next(), (await other?.next()) ?? DONE]
    while (first.done !== true || second.done !== true) {
      const isFirst =
        first.done !== true && (second.done === true || first.value.revision >= second.value.revision)
      const entry = isFirst ? first.value : second.value
      if (entry !== undefined) yield entry
      if (isFirst) first = await one.next()
      else second = (await other?.next()) ?? DONE
    }
    return undefined
  } finally {
    await Promise.all([one.return(undefined), other?.return(undefined)])
  }
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
  const parts = historiesOf(workspace).map((history) => ({ history, key: history.keyOf(id) }))
  const found = await readIndexed(workspace, limit, { id, parts })
  if (found === undefined) return undefined
  const { read, revision } = found
  if (read.type === 'record') return recordedEntry(workspace, read.record, revision, [])
  if (read.type === 'unreadable')
    throw new AdminError('unreadable', {
      what: `The record ${id} is damaged, or something else stands in its place`,
      remedy: `It was written in revision ${revision}: history() shows what the store says of that.`,
    })
  throw new AdminError('unreadable', {
    what: `The record ${id} has the format ${read.version} of a newer version of livetree`,
    remedy: 'It was applied. Update livetree to read it.',
  })
}
