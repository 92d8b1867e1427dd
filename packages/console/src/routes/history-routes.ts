import type { HistoryChange, HistoryEntry, RecordedText } from '@livetree/admin'
import { SECRET_TEXT } from '@livetree/core/tools'
import type { Access } from '../security/access.ts'
import { fullText } from '../tree/shown-text.ts'
import type { DiffView, HistoryChangeView, HistoryPage, HistoryView } from '../wire.ts'
import { Refusal } from '../security/refusal.ts'
import { readQueryCount, readQueryPath } from './read-input.ts'
import type { Route, RouteContext } from './route.ts'

/** The most entries, changes of one entry, and differences in one answer. */
const MOST_ENTRIES = 1_000
const MOST_CHANGES = 200
const MOST_DIFFERENCES = 1_000

/** What was. */
export const HISTORY_ROUTES: readonly Route[] = [
  { method: 'GET', path: 'history', isMutating: false, run: history },
  { method: 'GET', path: 'diff', isMutating: false, run: diff },
]

async function history({ admin, access, query, signal }: RouteContext): Promise<HistoryPage> {
  const path = readQueryPath(query.get('path'))
  const limit = Math.max(1, readQueryCount(query.get('limit'), 'limit', MOST_ENTRIES, 50))
  const since = readQueryCount(query.get('since'), 'since', Number.MAX_SAFE_INTEGER, 0)
  if (!access.reaches(path)) throw new Refusal(404, 'not_found', 'There is nothing that you may see.')
  const entries: HistoryView[] = []
  const asked = {
    ...(path.length > 0 && { path }),
    ...(since > 0 && { since }),
    limit: MOST_ENTRIES,
    signal,
  }
  for await (const entry of admin.history(asked)) {
    const view = entryView(entry, access)
    if (view.changes.length === 0 && !access.seesAll) continue
    if (entries.length === limit) return { entries, hasMore: true }
    entries.push(view)
  }
  return { entries, hasMore: false }
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
