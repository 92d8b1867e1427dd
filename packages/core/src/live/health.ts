import { describeIssue } from '../errors.ts'
import type { ConfigHealth, ConfigStatus } from '../live-config.ts'
import { withoutStop } from '../thrown.ts'
import type { RejectedEvent } from '../updates/rejection.ts'

/** What `healthOf` needs besides the status. */
export interface HealthFacts {
  /** Age of the last proof, in milliseconds, above which the configuration is not ready. */
  readonly maxStalenessMs: number
  /** In ms since the Unix epoch. */
  readonly now: number
  /** Why the state in service is stale; undefined if it is not. */
  readonly staleReason: string | undefined
}

/** Keeps the response of a health endpoint short, in characters. */
const ISSUE_LENGTH = 500
/** At most this many calls that have not settled are named. */
const MOST_CALLS = 3

/** Derives what a health endpoint reports from the status. */
export function healthOf(status: ConfigStatus, facts: HealthFacts): ConfigHealth {
  const { state, revision, staleForMs, provenAt, rejected, sources, resources, snapshotError, unsettled } =
    status
  const { maxStalenessMs, now, staleReason } = facts
  const isTooOld = provenAt === undefined ? Number.isFinite(maxStalenessMs) : now - provenAt > maxStalenessMs
  const reasons = [
    state === 'closed' ? 'closed' : undefined,
    isTooOld ? `not proven to be the newest for more than ${maxStalenessMs} ms` : undefined,
    staleReason,
    // A known disconnection is shown immediately, not only when its grace period has ended.
    ...sources
      .filter((source) => source.state === 'lost' && staleReason?.startsWith(`${source.name} `) !== true)
      .map(({ name, lastError }) => `${name} is lost: ${lastError?.message}`),
    rejected && describeRejection(rejected),
    ...resources.map(({ lastError }) => lastError?.message),
    ...describeUnsettled(unsettled),
    snapshotError?.message,
  ]
  const texts = reasons.filter((text) => text !== undefined)
  const reason = texts.map((text, at) => (at < texts.length - 1 ? withoutStop(text) : text)).join('; ')
  const isReady = state !== 'closed' && !isTooOld
  return Object.freeze({ isReady, state, revision, staleForMs, reason: reason === '' ? undefined : reason })
}

/** Names the first few; `status.unsettled` has the others. */
function describeUnsettled(calls: ConfigStatus['unsettled']): string[] {
  const lines = calls
    .slice(0, MOST_CALLS)
    .map(({ name, forMs }) => `${name} has not settled for ${Math.round(forMs)} ms`)
  return calls.length > MOST_CALLS ? [...lines, `and ${calls.length - MOST_CALLS} more calls`] : lines
}

/** Describes the first issue with path and key; `status.rejected` has the others. */
function describeRejection({ source, revision, issues }: RejectedEvent): string {
  const first = issues[0] === undefined ? '' : `: ${describeIssue(issues[0]).slice(0, ISSUE_LENGTH)}`
  const more = issues.length > 1 ? ` and ${issues.length - 1} more` : ''
  return `the tree of ${source} at revision ${revision} was rejected${first}${more}`
}
