import type { Issue } from '@livetree/core'
import type { Access } from '../security/access.ts'
import type { IssueView } from '../wire/index.ts'

/** The most issues in one answer. */
const MOST_ISSUES = 100

/** Issues as a user may see them. What is left out is counted in a last one, so that there is one wherever there is one. */
export function issueViews(issues: readonly Issue[], access: Access): readonly IssueView[] {
  const seen = issues.filter(({ path }) => access.sees(path))
  const shown = seen
    .slice(0, MOST_ISSUES)
    .map(({ path, pathText, message }): IssueView => ({ path, pathText, message }))
  const notShown = issues.length - shown.length
  if (notShown === 0) return shown
  const where = seen.length < issues.length ? ', at places that you may not see among them' : ''
  return [...shown, { path: [], pathText: '', message: `${notShown} more${where}` }]
}
