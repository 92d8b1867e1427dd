import type { Convergence, InstanceRecord, Preflight } from '@livetree/admin'
import { parsePathText } from '@livetree/core/tools'
import type { Access } from '../security/access.ts'
import type { AnswersView, AnswerView } from '../wire/index.ts'

/** What instances say of a plan. */
export function preflightView(
  { revision, outcome, answers, hidden, unreadable }: Preflight,
  access: Access,
): AnswersView {
  return {
    revision,
    outcome,
    answers: answers.map((answer) => answerView(answer, answer.reason ?? '', access)),
    hidden: hidden.filter((path) => seesText(access, path)),
    unreadable: unreadable.length,
  }
}

/** What instances say of a revision. */
export function verdictsView(
  { revision, outcome, answers, unreadable }: Convergence,
  access: Access,
): AnswersView {
  return {
    revision,
    outcome,
    answers: answers.map((answer) => answerView(answer, '', access)),
    hidden: [],
    unreadable: unreadable.length,
  }
}

type Troubles = Pick<InstanceRecord, 'needsRestart' | 'issues' | 'moreIssues'>

function answerView(
  answer: Troubles & { readonly instance: InstanceRecord; readonly verdict: string },
  reason: string,
  access: Access,
): AnswerView {
  const { name, id, host, appVersion = '' } = answer.instance
  return { ...{ name, id, host, appVersion, verdict: answer.verdict, reason }, ...seenIssues(answer, access) }
}

/** What is wrong with an instance, as far as a user may see it. */
export function seenIssues({ needsRestart = [], issues = [], moreIssues = 0 }: Troubles, access: Access) {
  const seen = issues.filter(({ path }) => seesText(access, path))
  return {
    needsRestart: needsRestart.filter((path) => seesText(access, path)),
    issues: seen.map(({ path, message }) => ({ path, message })),
    moreIssues: moreIssues + issues.length - seen.length,
  }
}

/** Whether a path may be seen that an instance has written: any text may stand there. */
function seesText(access: Access, path: string): boolean {
  if (access.seesAll) return true
  try {
    return access.sees(parsePathText(path))
  } catch {
    return false
  }
}
