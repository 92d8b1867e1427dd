import type { HistoryChange, HistoryEntry, RecordedText } from '@livetree/admin'
import type { Path } from '@livetree/core'
import { SECRET_TEXT } from '@livetree/core/tools'
import type { Access } from '../security/access.ts'
import type { HistoryChangeView, HistoryPage, HistoryView } from '../wire/index.ts'
import type { RouteContext } from './route.ts'

/** The most entries that are looked at, and changes of one entry. */
export const MOST_ENTRIES = 1_000
const MOST_CHANGES = 200

/** Which part of the history is read. */
export interface HistoryQuery {
  readonly path: Path
  readonly limit: number
  /** Writes without a record are looked for in this many revisions: the store has to read all of them. */
  readonly back: number
}

/** The newest entries that a user may see, the newest first. @throws AdminError */
export async function recentEntries(
  { admin, trees, access, signal }: RouteContext,
  { path, limit, back }: HistoryQuery,
): Promise<HistoryPage> {
  const since = Math.max(0, (await trees.newest()) - back)
  const asked = { ...(path.length > 0 && { path }), limit: MOST_ENTRIES, signal }
  const recorded = admin.history({ ...asked, recordedOnly: true })
  const near = unrecordedOf(admin.history({ ...asked, since }))
  const entries: HistoryView[] = []
  for await (const entry of newestFirst(recorded[Symbol.asyncIterator](), near)) {
    const [view] = historyViews([entry], access)
    if (view === undefined) continue
    if (entries.length === limit) return { entries, hasMore: true, since }
    entries.push(view)
  }
  return { entries, hasMore: false, since }
}

/** Entries as a user may see them, without those of which they may see nothing. */
export function historyViews(entries: readonly HistoryEntry[], access: Access): readonly HistoryView[] {
  return entries
    .map((entry) => entryView(entry, access))
    .filter(({ changes }) => changes.length > 0 || access.seesAll)
}

async function* unrecordedOf(entries: AsyncIterable<HistoryEntry>): AsyncGenerator<HistoryEntry, undefined> {
  for await (const entry of entries) if (entry.type === 'unrecorded') yield entry
  return undefined
}

/** Joins two histories, each with its newest first. */
async function* newestFirst(
  one: AsyncIterator<HistoryEntry>,
  other: AsyncIterator<HistoryEntry>,
): AsyncGenerator<HistoryEntry, undefined> {
  try {
    let [first, second] = await Promise.all([one.next(), other.next()])
    while (first.done !== true || second.done !== true) {
      const isFirst =
        first.done !== true && (second.done === true || first.value.revision >= second.value.revision)
      const next = isFirst ? first : second
      if (next.done !== true) yield next.value
      if (isFirst) first = await one.next()
      else second = await other.next()
    }
    return undefined
  } finally {
    await Promise.all([one.return?.(), other.return?.()])
  }
}

function entryView(entry: HistoryEntry, access: Access): HistoryView {
  const seen = entry.changes.filter(({ path }) => access.sees(path))
  const changes = seen.slice(0, MOST_CHANGES).map(changeView)
  const common = { revision: entry.revision, changes, hidden: entry.changes.length - changes.length }
  if (entry.type === 'recorded') {
    const { id, author, at, message = '', kind, to = 0 } = entry
    return { ...common, id, author, at: at.getTime(), message, kind, to }
  }
  const id = entry.type === 'unrecorded' ? '' : entry.id
  return { ...common, id, author: '', at: 0, message: '', kind: entry.type, to: 0 }
}

function changeView({ path, pathText, layer, before, after }: HistoryChange): HistoryChangeView {
  const isRemoved = after === undefined
  return { path, pathText, layer, before: textOf(before), after: textOf(after), isRemoved }
}

function textOf(recorded: RecordedText | undefined): string | undefined {
  if (recorded === undefined) return undefined
  const { text, isHidden, bytes } = recorded
  if (isHidden === true) return SECRET_TEXT
  return text ?? `(${bytes ?? 0} bytes)`
}
