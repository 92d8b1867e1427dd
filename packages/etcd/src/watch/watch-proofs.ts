import type { EtcdError } from '../errors.ts'
import { PendingRevisions } from './pending-revisions.ts'
import { type ProgressClaim, UnorderedProgress } from './unordered-progress.ts'

/** On an old server a watch counts as complete after this much quiet, in milliseconds (see `WatchProgress.isExact`). */
const SETTLE_MS = 1_000
/** The least quiet that counts where proofs are needed more often than that, in milliseconds. */
const MIN_SETTLE_MS = 200

/** Up to which revision nothing is missing in one watch, and who waits for that. */
export class WatchProofs {
  readonly #awaited = new PendingRevisions()
  /** What an old server said of its progress: for callers that wait for a revision. */
  readonly #completeness = new UnorderedProgress(SETTLE_MS)
  /** The same for freshness, which a watch may need more often. */
  readonly #freshness: UnorderedProgress
  #revision = 0

  /** `everyMs`: milliseconds between proofs, where somebody needs them more often than they are asked for. */
  constructor(everyMs: number | undefined) {
    // Half of the interval, so that the very next answer proves a claim.
    const settleMs = everyMs === undefined ? SETTLE_MS : everyMs / 2
    this.#freshness = new UnorderedProgress(Math.max(MIN_SETTLE_MS, Math.min(settleMs, SETTLE_MS)))
  }

  /** Highest revision that nothing is missing up to, also by word that does not move the position. */
  get revision(): number {
    return this.#revision
  }

  /** Somebody waits for a revision. */
  get isAwaited(): boolean {
    return this.#awaited.size > 0
  }

  wait(revision: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#awaited.add(revision, signal)
  }

  /** Nobody waits any more. */
  fail(error: EtcdError): void {
    this.#awaited.fail(error)
  }

  /** All changes of a revision are there. */
  delivered(revision: number): void {
    this.#revision = revision
    this.#awaited.settle(revision)
  }

  /** A change was delivered at the time `now`: returns what it proves of the freshness. */
  changed(revision: number, now: number): ProgressClaim | undefined {
    this.#completeness.change(revision, now)
    return this.#freshness.change(revision, now)
  }

  /** Nothing up to the claim's revision is missing. */
  proven({ revision }: ProgressClaim): void {
    this.#revision = Math.max(this.#revision, revision)
    this.#awaited.settle(revision)
  }

  /** The word of a server that does not look at the watch before it speaks: returns what is proven of the freshness. */
  claimed(claim: ProgressClaim): ProgressClaim | undefined {
    return this.#freshness.claim(claim)
  }

  /** The same, for callers that wait. */
  settle(claim: ProgressClaim): void {
    const settled = this.#completeness.claim(claim)
    if (settled !== undefined) this.proven(settled)
  }

  /** The stream is gone, and with it what the server said on it. */
  clear(): void {
    this.#completeness.clear()
    this.#freshness.clear()
  }
}
