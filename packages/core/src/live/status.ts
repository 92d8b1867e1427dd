import { deepFrozen } from '../pipeline/deep-frozen.ts'
import type { UnsettledCall } from '../events/pending-calls.ts'
import type { UnusedKey } from '../issue.ts'
import type { ConfigStatus } from '../live-config.ts'
import type { ResourceStatus } from '../resource/resource-options.ts'
import type { RejectedEvent } from '../updates/rejection.ts'
import type { ServedFrom } from '../updates/served-state.ts'
import type { Snapshot } from '../updates/snapshot.ts'
import type { SourceStatus } from '../updates/source-state.ts'

/** What `statusOf` derives the status from. */
export interface StatusFacts {
  readonly snapshot: Snapshot<unknown>
  readonly servedFrom: ServedFrom
  readonly isClosed: boolean
  /** Whether the state in service may be behind the store. */
  readonly isStale: boolean
  /** Whether any store is disconnected. */
  readonly isLost: boolean
  /** When the state in service was last proven, in ms since the Unix epoch; undefined if it never was. */
  readonly provenAt: number | undefined
  /** When loading ended, in ms since the Unix epoch. */
  readonly readyAt: number
  /** In ms since the Unix epoch. */
  readonly now: number
  readonly sources: readonly SourceStatus[]
  readonly acceptedAt: number | undefined
  readonly rejected: RejectedEvent | undefined
  readonly resources: readonly ResourceStatus[]
  /** Why the last write of the snapshot on disk failed; undefined if it did not. */
  readonly snapshotError: ConfigStatus['snapshotError']
  readonly unsettled: readonly UnsettledCall[]
  readonly needsRestart: readonly string[]
  readonly unused: readonly UnusedKey[]
}

/** Derives `LiveConfig.status`. */
export function statusOf(facts: StatusFacts): ConfigStatus {
  const {
    snapshot,
    servedFrom,
    isLost,
    provenAt,
    readyAt,
    now,
    sources,
    acceptedAt,
    rejected,
    resources,
    snapshotError,
    unsettled,
    needsRestart,
    unused,
  } = facts
  const { revision, epoch, version } = snapshot
  const state = stateOf(facts)
  const isProven = state === 'live' && !isLost
  const staleForMs = isProven ? 0 : Math.max(now - (provenAt ?? readyAt), 0)
  return deepFrozen({
    state,
    servedFrom,
    revision,
    epoch,
    version,
    provenAt,
    staleForMs,
    sources,
    acceptedAt,
    rejected,
    resources,
    snapshotError,
    unsettled,
    needsRestart,
    unused,
  })
}

/** Derives `LiveConfig.status.state`. */
export function stateOf(facts: Pick<StatusFacts, 'isClosed' | 'isStale'>): ConfigStatus['state'] {
  if (facts.isClosed) return 'closed'
  return facts.isStale ? 'stale' : 'live'
}
