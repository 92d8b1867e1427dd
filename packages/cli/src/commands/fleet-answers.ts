import type { Convergence, InstanceAnswer, Preflight, PreflightAnswer } from '@livetree/admin'
import { CliError } from '../errors/cli-error.ts'
import { safeText } from '../output/safe-text.ts'
import { counted } from '../output/words.ts'
import { instanceIssueLines, instanceName, servedText } from './instance-text.ts'

type Answer = PreflightAnswer | InstanceAnswer

/** Nobody reads more instances for one reason, or more reasons. */
const MOST_INSTANCES = 10
const MOST_REASONS = 10

/** Why an instance has not judged. */
const REASONS: Readonly<Record<NonNullable<PreflightAnswer['reason']>, string>> = {
  behind: 'it does not get to the revision of the plan',
  hidden: 'it depends on a secret, or on a document with one, which is not sent',
  version: 'its livetree is older than this one',
  cannot: 'its livetree, its permissions or its sources do not let it judge',
  failed: 'its own schema, or one of its sources, failed',
}

/** Verdicts that are not as it should be, the worst first. */
const WORST_FIRST = ['rejected', 'unjudged', 'silent', 'pending'] as const

/** Instances that give one verdict for one reason. */
interface Group {
  readonly verdict: string
  readonly reason: string
  readonly issues: readonly string[]
  readonly names: string[]
}

/** The lines that say who does not agree, and why: instances that say the same are together. */
export function disagreementLines(answers: readonly Answer[]): readonly string[] {
  const groups = new Map<string, Group>()
  for (const verdict of WORST_FIRST)
    for (const answer of answers) if (answer.verdict === verdict) addTo(groups, answer)
  const all = [...groups.values()]
  const lines = all
    .slice(0, MOST_REASONS)
    .flatMap(({ verdict, reason, issues, names }) => [
      ...names.slice(0, MOST_INSTANCES).map((name) => `${verdict}  ${name}${reason}`),
      ...(names.length > MOST_INSTANCES ? [`${verdict}  and ${names.length - MOST_INSTANCES} more`] : []),
      ...issues.map((line) => `  ${line}`),
    ])
  const more = all.slice(MOST_REASONS).reduce((sum, { names }) => sum + names.length, 0)
  return more > 0 ? [...lines, `and ${more} more for other reasons`] : lines
}

function addTo(groups: Map<string, Group>, answer: Answer): void {
  const { verdict, instance } = answer
  const issues = instanceIssueLines(answer.issues, answer.moreIssues)
  const reason = reasonOf(answer)
  const key = JSON.stringify([verdict, reason, issues])
  const group = groups.get(key) ?? { verdict, reason, issues, names: [] }
  const version = instance.appVersion === undefined ? '' : `, version ${instance.appVersion}`
  group.names.push(safeText(`${instanceName(instance)} on ${instance.host}${version}`))
  groups.set(key, group)
}

function reasonOf(answer: Answer): string {
  if (!('reason' in answer))
    return answer.verdict === 'rejected' ? `: ${servedText(answer.instance)} stays in service` : ''
  return answer.reason === undefined ? '' : `: ${REASONS[answer.reason]}`
}

/** How many instances agree: `3 instances; 1 left meanwhile`. */
export function agreeing(answers: readonly Answer[]): string {
  const gone = answers.filter(({ verdict }) => verdict === 'gone').length
  const rest = gone === 0 ? '' : `; ${gone} left meanwhile`
  return `${counted(answers.length - gone, 'instance')}${rest}`
}

/** Who goes on with an old value; undefined where nobody does. */
export function restartText(answers: readonly Answer[], does: string): string | undefined {
  const all = answers.filter(({ needsRestart }) => needsRestart.length > 0)
  if (all.length === 0) return undefined
  const paths = [...new Set(all.flatMap(({ needsRestart }) => needsRestart))]
  const names = all.slice(0, MOST_INSTANCES).map(({ instance }) => instanceName(instance))
  const more = all.length > MOST_INSTANCES ? ` and ${all.length - MOST_INSTANCES} more` : ''
  return `Until they start again, these ${does} the old value of ${paths.join(', ')}: ${names.join(', ')}${more}.`
}

/** What is said of instances that disagree, given `2 of 3 instances`, and what to do next. */
export interface DisagreementWords {
  readonly rejected: (by: string) => string
  readonly missing: (by: string) => string
  readonly remedies: { readonly rejected: string; readonly missing: string }
}

/** The failure of a command that instances do not agree with; undefined where they do. */
export function disagreement(
  { outcome, answers }: Preflight | Convergence,
  words: DisagreementWords,
): CliError | undefined {
  if (outcome !== 'rejected' && outcome !== 'incomplete') return undefined
  const kind = outcome === 'rejected' ? 'rejected' : 'missing'
  const counts = outcome === 'rejected' ? ['rejected'] : ['silent', 'unjudged', 'pending']
  const many = answers.filter(({ verdict }) => counts.includes(verdict)).length
  return new CliError(6, words[kind](`${many} of ${counted(answers.length, 'instance')}`), {
    code: outcome === 'rejected' ? 'fleet_rejected' : 'fleet_incomplete',
    lines: disagreementLines(answers),
    remedy: words.remedies[kind],
  })
}

/** Answers as data. */
export function answersData({ revision, outcome, answers, unreadable, ...more }: Preflight | Convergence) {
  return {
    revision,
    outcome,
    answers: answers.map(({ instance, ...answer }) => ({
      name: instance.name,
      id: instance.id,
      host: instance.host,
      appVersion: instance.appVersion ?? null,
      ...answer,
      revision: answer.revision ?? null,
      ...('reason' in answer && { reason: answer.reason ?? null }),
      ...(!('reason' in answer) && { applied: instance.applied }),
    })),
    unreadable,
    ...more,
  }
}
