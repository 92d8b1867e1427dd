import { Refusal } from '../security/refusal.ts'
import { fullText } from '../tree/shown-text.ts'
import type { DiffView, HistoryPage } from '../wire/index.ts'
import { MOST_ENTRIES, recentEntries } from './history-views.ts'
import { readQueryCount, readQueryPath } from './read-input.ts'
import type { Route, RouteContext } from './route.ts'

/** The most differences in one answer. */
const MOST_DIFFERENCES = 1_000

/** The revisions in which writes without a record are looked for, unless the user asks for more: the store has to read all of them. */
const NEAR_REVISIONS = 10_000

/** What was. */
export const HISTORY_ROUTES: readonly Route[] = [
  { method: 'GET', path: 'history', isMutating: false, run: history },
  { method: 'GET', path: 'diff', isMutating: false, run: diff },
]

async function history(context: RouteContext): Promise<HistoryPage> {
  const { access, query } = context
  const path = readQueryPath(query.get('path'))
  const limit = Math.max(1, readQueryCount(query.get('limit'), 'limit', MOST_ENTRIES, 50))
  const back = readQueryCount(query.get('back'), 'back', Number.MAX_SAFE_INTEGER, NEAR_REVISIONS)
  if (!access.reaches(path)) throw new Refusal(404, 'not_found', 'There is nothing that you may see.')
  return recentEntries(context, { path, limit, back })
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
