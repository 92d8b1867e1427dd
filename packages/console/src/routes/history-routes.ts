import type { HistoryChange, HistoryEntry, RecordedText } from '@livetree/admin'
import { SECRET_TEXT } from '@livetree/core/tools'
import type { Access } from '../security/access.ts'
import { fullText } from '../tree/shown-text.ts'
import type { DiffView, HistoryChangeView, HistoryPage, HistoryView } from '../wire/index.ts'
import { Refusal } from '../security/refusal.ts'
import { readQueryCount, readQueryPath } from './read-input.ts'
import type { Route, RouteContext } from './route.ts'

/** The most entries, changes of one entry, and differences in one answer. */
const MOST_ENTRIES = 1_000
const MOST_CHANGES = 200
const MOST_DIFFERENCES = 1_000

/** The revisions in which writes without a record are looked for, unless the user asks for more: the store has to read all of them. */
const NEAR_REVISIONS = 10_000

/** What was. */
export const HISTORY_ROUTES: readonly Route[] = [
  { method: 'GET', path: 'history', isMutating: false, run: history },
  { method: 'GET', path: 'diff', isMutating: false, run: diff },
]

async function history({ admin, trees, access, query, signal }: RouteContext): Promise<HistoryPage> {
  const path = readQueryPath(query.get('path'))
  const limit = Math.max(1, readQueryCount(query.get('limit'), 'limit', MOST_ENTRIES, 50))
  const back = readQueryCount(query.get('back'), 'back', Number.MAX_SAFE_INTEGER, NEAR_REVISIONS)
  if (!access.reaches(path)) throw new Refusal(404, 'not_found', 'There is nothing that you may see.')
  const since = Math.max(0, (await trees.newest()) - back)
  const asked = { ...(path.length > 0 && { path }), limit: MOST_ENTRIES, signal }
  const recorded = admin.history({ ...asked, recordedOnly: true })
  const near = unrecordedOf(admin.history({ ...asked, since }))
  const entries: HistoryView[] = []
  for await (const entry of newestFirst(recorded[Symbol.asyncIterator](), near)) {
    const view = entryView(entry, access)
    if (view.changes.length === 0 && !access.seesAll) continue
    if (entries.length === limit) return { entries, hasMore: true, since }
    entries.push(view)
  }
  return { entries, hasMore: false, since }
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

/** Two revisions, or one and now. */
async function diff({ admin, access, query, signal }: RouteContext): Promise<DiffView> {
  const [one, other] = ['from', 'to'].map((name) =>
    readQueryCount(query.get(name), name, Number.MAX_SAFE_INTEGER, 0),
  )
  const sideOf = (revision = 0) => (revision === 0 ? ('now' as const) : { revision })
  const found = await admin.diff(sideOf(one), sideOf(other), { signal })
  const seen = found.filter(({ path }) => access.sees(path)).slice(0, MOST_DIFFERENCES)
  return {
    differences: seen.map(({ pathText, previous, next }) => ({
      pathText,
      before: fullText(previous),
      after: fullText(next),
    })),
  }
}
