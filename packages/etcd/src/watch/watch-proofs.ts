import type { EtcdError } from '../errors.ts'
import { PendingRevisions } from './pending-revisions.ts'
import { type ProgressClaim, UnorderedProgress } from './unordered-progress.ts'

/**
 * How long a watch on an old server must be quiet to count as complete, in milliseconds (see
 * `WatchProgress.isExact`).
 */
const SETTLE_MS = 1_000
/** Minimum of that time if progress is needed more often, in milliseconds. */
const MIN_SETTLE_MS = 200

/** Up to which revision one watch is complete, and the callers that wait for it. */
export class WatchProofs {
  readonly #awaited = new PendingRevisions()
  /** Reports of an old server, for callers that wait for a revision. */
  readonly #completeness = new UnorderedProgress(SETTLE_MS)
  /** The same for freshness, which may be needed more often. */
  readonly #freshness: UnorderedProgress
  #revision = 0

  /** `everyMs`: milliseconds between progress requests, if needed more often than by default. */
  constructor(everyMs: number | undefined) {
    // Half of the interval, so that the next answer proves a report.
    const settleMs = everyMs === undefined ? SETTLE_MS : everyMs / 2
    this.#freshness = new UnorderedProgress(Math.max(MIN_SETTLE_MS, Math.min(settleMs, SETTLE_MS)))
  }

  /**
   * The highest revision up to which the watch is complete, including reports that do not move its position.
   */
  get revision(): number {
    return this.#revision
  }

  /** True while a caller waits for a revision. */
  get isAwaited(): boolean {
    return this.#awaited.size > 0
  }

  wait(revision: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#awaited.add(revision, signal)
  }

  /** Rejects all waiting callers. */
  fail(error: EtcdError): void {
    this.#awaited.fail(error)
  }

  /** All changes of a revision were delivered. */
  delivered(revision: number): void {
    this.#revision = revision
    this.#awaited.settle(revision)
  }

  /** A change was delivered at the time `now`. Returns the report of freshness it proves. */
  changed(revision: number, now: number): ProgressClaim | undefined {
    this.#completeness.change(revision, now)
    return this.#freshness.change(revision, now)
  }

  /** All changes up to the report's revision were delivered. */
  proven({ revision }: ProgressClaim): void {
    this.#revision = Math.max(this.#revision, revision)
    this.#awaited.settle(revision)
  }

  /** Adds an unordered report. Returns the report of freshness that is now proven. */
  claimed(claim: ProgressClaim): ProgressClaim | undefined {
    return this.#freshness.claim(claim)
  }

  /** Adds an unordered report for waiting callers. */
  settle(claim: ProgressClaim): void {
    const settled = this.#completeness.claim(claim)
    if (settled !== undefined) this.proven(settled)
  }

  /** Discards the reports of a stream that ended. */
  clear(): void {
    this.#completeness.clear()
    this.#freshness.clear()
  }
}
