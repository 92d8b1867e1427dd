import { type Needs, needsIn, translated } from '../translate-error.ts'
import type { CallLimit, Workspace } from '../workspace.ts'
import { historiesOf, type RecordKeys } from './record-keys.ts'
import { type AppliedRecord, readRecord, type RecordRead, type StoredRecord } from './record.ts'

/** Where the parts of one record are, without what they hold. */
export interface IndexedRecord {
  readonly id: string
  /** The revision of the store that wrote it. */
  readonly revision: number
  readonly parts: readonly { readonly history: RecordKeys; readonly key: string }[]
}

/** A record with all of its parts. */
export interface FoundRead {
  readonly id: string
  readonly revision: number
  /** The prefixes of the layers whose histories have a part of the record. */
  readonly prefixes: readonly string[]
  readonly read:
    | { readonly type: 'record'; readonly record: AppliedRecord }
    | Exclude<RecordRead, { type: 'record' }>
}

/** Keys that are asked for at once: the server holds the values of as many records while it answers. */
const KEYS_AT_ONCE = 250
/** Records that are read at once, each of up to the size of a request. */
const RECORDS_AT_ONCE = 4

/** The names of all records that were written after a revision, the newest first. No record is read. */
export function indexRecords(
  workspace: Workspace,
  limit: CallLimit,
  after: number,
): Promise<readonly IndexedRecord[]> {
  const histories = historiesOf(workspace)
  return translated({ what: 'reading the history', needs: needsOf(workspace, histories) }, async () => {
    // The parts of one apply have one revision; a copy of a record has another.
    const byName = new Map<string, IndexedRecord>()
    for (const history of histories)
      for await (const { key, id, createRevision } of keysOf(workspace, limit, history)) {
        if (createRevision <= after) continue
        const name = `${createRevision} ${id}`
        const parts = byName.get(name)?.parts ?? []
        byName.set(name, { id, revision: createRevision, parts: [...parts, { history, key }] })
      }
    return [...byName.values()].sort((a, b) => b.revision - a.revision)
  })
}

async function* keysOf({ client }: Workspace, limit: CallLimit, history: RecordKeys) {
  let { from, to } = history.range
  for (;;) {
    const { entries, hasMore } = await client.kv.getRange({
      from,
      to,
      keysOnly: true,
      limit: KEYS_AT_ONCE,
      ...limit.control,
    })
    for (const { key, createRevision } of entries) {
      const id = history.idOf(key)
      if (id !== undefined) yield { key, id, createRevision }
    }
    const last = entries.at(-1)?.key
    if (!hasMore || last === undefined) return
    from = `${last}\0`
  }
}

/** Reads records, a few at once, in the order of their names. Void ones are left out. */
export async function* readRecords(
  workspace: Workspace,
  limitOf: () => CallLimit,
  index: readonly IndexedRecord[],
): AsyncGenerator<FoundRead, undefined> {
  for (let at = 0; at < index.length; at += RECORDS_AT_ONCE) {
    const limit = limitOf()
    const found = await Promise.all(
      index.slice(at, at + RECORDS_AT_ONCE).map((each) => readIndexed(workspace, limit, each)),
    )
    for (const each of found) if (each !== undefined) yield each
  }
  return undefined
}

/** Reads a record; undefined if it is void, or pruned meanwhile. */
export async function readIndexed(
  workspace: Workspace,
  limit: CallLimit,
  { id, parts }: Pick<IndexedRecord, 'id' | 'parts'>,
): Promise<FoundRead | undefined> {
  const needs = needsOf(
    workspace,
    parts.map(({ history }) => history),
  )
  const reads = await translated({ what: 'reading the history', needs }, () =>
    Promise.all(
      parts.map(async ({ history: { prefix }, key }) => {
        const entry = await workspace.client.kv.get(key, limit.control)
        return entry === undefined
          ? []
          : [{ prefix, read: readRecord(entry.text, id), at: entry.createRevision }]
      }),
    ),
  )
  const found = reads.flat()
  const prefixes = found.map(({ prefix }) => prefix)
  const newer = found.find(({ read }) => read.type === 'newer')
  if (newer?.read.type === 'newer') return { id, revision: newer.at, prefixes, read: newer.read }
  const records = found.flatMap(({ prefix, read, at }) => {
    if (read.type !== 'record' || read.record.kind === 'void') return []
    const { kind } = read.record
    return [{ at, record: { ...read.record, kind, changes: changesOf(read.record, prefix) } }]
  })
  const told = records.filter(({ record }) => record.changes.length > 0)
  // The parts of one write have one revision: an older part of the same id is of another write.
  const newest = Math.max(...told.map(({ at }) => at))
  const own = told.filter(({ at }) => at === newest)
  const [first] = own
  if (first === undefined) {
    const damaged = found.find(({ read }) => read.type === 'unreadable')
    return damaged && { id, revision: damaged.at, prefixes, read: { type: 'unreadable' } }
  }
  const changes = own.flatMap(({ record }) => record.changes)
  return { id, revision: newest, prefixes, read: { type: 'record', record: { ...first.record, changes } } }
}

/** What a record says of a layer: one that was copied from another layer, as with its whole tree, says nothing of this one. */
function changesOf({ changes }: StoredRecord, prefix: string): StoredRecord['changes'] {
  return changes.filter(({ key }) => key === prefix || key.startsWith(`${prefix}/`))
}

function needsOf({ settings }: Workspace, histories: readonly RecordKeys[]): Needs {
  return needsIn(
    settings.store,
    histories.map(({ directory }) => ({ prefix: directory, as: 'read' })),
  )
}
