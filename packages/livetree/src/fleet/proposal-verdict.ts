import { optionKinds } from '@livetree/core/source'
import { type InstanceIssue, isIssue } from './instance-record.ts'
import { isCount, isListOf, isText, parseJson } from './json-shape.ts'

/** The most characters of a verdict. One with all of its issues stays well below. */
const MOST_VERDICT = 65_536

/**
 * Why an instance has not judged a proposal: `behind`: it has not got as far as the revision that the change was worked out at;
 * `hidden`: what is wrong may be due to a secret whose text no proposal holds; `version`: a newer livetree has written the
 * proposal; `failed`: its own schema or source has thrown.
 */
export type UnjudgedReason = 'behind' | 'hidden' | 'version' | 'failed'

const REASONS: readonly unknown[] = ['behind', 'hidden', 'version', 'failed']
const VERDICTS: readonly unknown[] = ['accepted', 'rejected', 'unjudged']

/** What an instance says of a proposal. */
export interface Judgement {
  /** `accepted`: it would apply the change; `rejected`: it would go on with what it has; `unjudged`: see `reason`. */
  readonly verdict: 'accepted' | 'rejected' | 'unjudged'
  /** The store's revision of the tree that it was judged on. */
  readonly revision: number
  /** With `accepted`: paths of which the process would go on with the old value; see `restart`. At most 20. */
  readonly needsRestart?: readonly string[] | undefined
  /** With `rejected`: at most 20, and 4 KiB. Never holds a secret. */
  readonly issues?: readonly InstanceIssue[] | undefined
  /** How many more issues there are. */
  readonly moreIssues?: number | undefined
  /** With `unjudged`. */
  readonly reason?: UnjudgedReason | undefined
}

/** What stands at `verdicts<layer>/<proposal>/<name>/<instance>` below the operations prefix, as JSON. */
export interface ProposalVerdict extends Judgement {
  readonly version: 1
  /** Name of the configuration. */
  readonly name: string
  /** The id of the instance. */
  readonly id: string
  /** When it was judged, in ms since the Unix epoch. */
  readonly at: number
}

/** Reads a verdict, whoever has written it; undefined for anything else, and for a newer version. */
export function readVerdict(text: string): ProposalVerdict | undefined {
  const read = parseJson(text, MOST_VERDICT)
  return optionKinds.isObject(read) && isVerdict(read) ? read : undefined
}

function isVerdict(
  read: Readonly<Record<string, unknown>>,
): read is Readonly<Record<string, unknown>> & ProposalVerdict {
  const {
    version,
    name,
    id,
    at,
    verdict,
    revision,
    reason,
    issues = [],
    needsRestart = [],
    moreIssues = 0,
  } = read
  const isSigned = version === 1 && isText(name) && isText(id) && Number.isFinite(at)
  const isJudged = VERDICTS.includes(verdict) && Number.isFinite(revision)
  const isReasoned = verdict === 'unjudged' ? REASONS.includes(reason) : reason === undefined
  const isCounted = isCount(moreIssues)
  return (
    isSigned &&
    isJudged &&
    isReasoned &&
    isCounted &&
    isListOf(issues, isIssue) &&
    isListOf(needsRestart, isText)
  )
}
