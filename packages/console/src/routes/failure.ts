import { AdminError, type AdminErrorCode, adminErrorCodes, describeConflict } from '@livetree/admin'
import { parsePathText } from '@livetree/core/tools'
import type { Access } from '../security/access.ts'
import { type FailureStatus, Refusal } from '../security/refusal.ts'
import { issueViews } from './issue-views.ts'

const STATUS: Partial<Record<AdminErrorCode, FailureStatus>> = {
  not_found: 404,
  conflict: 409,
  contention: 409,
  compacted: 410,
  too_large: 413,
  permission_denied: 403,
  invalid_options: 422,
  invalid_path: 422,
  invalid_value: 422,
  unwritable_value: 422,
  keys_unavailable: 422,
  invalid_tree: 422,
  removal_refused: 422,
  unreadable: 422,
  store_unavailable: 503,
  outcome_unknown: 503,
  store_changed: 503,
  closed: 503,
  timeout: 504,
}

/** A failure as it is sent to a user, without what they may not see. */
export function failureOf(error: unknown, access: Access): Refusal {
  if (error instanceof Refusal) return error
  if (!(error instanceof AdminError))
    return new Refusal(500, 'internal', 'Something failed that must not. The log of the server has it.')
  const { code, issues, conflicts } = error
  return new Refusal(STATUS[code] ?? 500, code, messageFor(error, access), {
    issues: issueViews(issues, access),
    conflicts: conflicts.filter(({ path }) => isSeen(path, access)).map(describeConflict),
  })
}

function isSeen(pathText: string, access: Access): boolean {
  if (access.seesAll) return true
  try {
    return access.sees(parsePathText(pathText))
  } catch {
    // The key of a conflict that has no path.
    return false
  }
}

/** What the library says, in full only for those who may see everything: a message may name any place. */
function messageFor({ code, message, issues }: AdminError, access: Access): string {
  const { meaning, remedy } = adminErrorCodes[code]
  return issues.length > 0 || !access.seesAll ? `${meaning} ${remedy}` : message.replace(`[${code}] `, '')
}
