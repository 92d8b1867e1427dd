import { describeIssue } from '../errors.ts'
import type { ConfigHealth, ConfigStatus } from '../live-config.ts'
import type { RejectedEvent } from '../updates/rejection.ts'

export interface HealthFacts {
  readonly maxStalenessMs: number
  /** Age of the last proof in milliseconds; undefined where there never was one. */
  readonly provenForMs: number | undefined
  /** Why the state in service may be behind, though it may not be `stale` yet. */
  readonly staleReason: string | undefined
}

/** A health endpoint's answer is no place for long texts. */
const ISSUE_LENGTH = 500

/** What a health endpoint needs, made of the status. */
export function healthOf(status: ConfigStatus, facts: HealthFacts): ConfigHealth {
  const { state, revision, staleForMs, rejected, sources, resources } = status
  const { maxStalenessMs, provenForMs, staleReason } = facts
  const isTooOld = provenForMs === undefined ? Number.isFinite(maxStalenessMs) : provenForMs > maxStalenessMs
  const reasons = [
    state === 'closed' ? 'closed' : undefined,
    isTooOld ? `not proven to be the newest for more than ${maxStalenessMs} ms` : undefined,
    staleReason,
    // a loss that is known is shown at once, and not when its grace period has ended
    ...sources
      .filter((source) => source.state === 'lost' && staleReason?.startsWith(`${source.name} `) !== true)
      .map(({ name, lastError }) => `${name} is lost: ${lastError?.message}`),
    rejected && describeRejection(rejected),
    ...resources.map(({ lastError }) => lastError?.message),
  ]
  const reason = reasons.filter((text) => text !== undefined).join('; ')
  const isReady = state !== 'closed' && !isTooOld
  return Object.freeze({ isReady, state, revision, staleForMs, reason: reason === '' ? undefined : reason })
}

/** Says the first thing that is wrong, with path and key; the rest is in `status.rejected`. */
function describeRejection({ source, revision, issues }: RejectedEvent): string {
  const first = issues[0] === undefined ? '' : `: ${describeIssue(issues[0]).slice(0, ISSUE_LENGTH)}`
  const more = issues.length > 1 ? ` and ${issues.length - 1} more` : ''
  return `the tree of ${source} at revision ${revision} was rejected${first}${more}`
}
