/** A progress report: at the time `at`, in milliseconds, the store was at `revision`. */
export interface ProgressClaim {
  readonly revision: number
  readonly at: number
}

/** A larger difference, in milliseconds, means that the clock was set back meanwhile. */
export const CLOCK_STEP_MS = 60_000
/** More claims than a watch can accumulate at the shortest interval of progress requests. */
const MAX_CLAIMS = 64

/**
 * Progress reports of a server that may send one before the changes it covers (etcd before 3.4.25 and 3.5.8).
 * The changes of one watch are ordered, so a report is proven by a change at or above its revision, or if no
 * earlier change arrives within `settleMs`.
 */
export class UnorderedProgress {
  readonly #settleMs: number
  /** In ascending order of time and revision. */
  #claims: (ProgressClaim & { quietSince: number })[] = []

  /** @param settleMs how long the watch must be quiet after a report, in milliseconds */
  constructor(settleMs: number) {
    this.#settleMs = settleMs
  }

  /** Adds a report and returns the newest one that is now proven. */
  claim(claim: ProgressClaim): ProgressClaim | undefined {
    const last = this.#claims.at(-1)
    // The clock was set back, so ages are meaningless.
    if (last !== undefined && claim.at < last.at) this.#claims = []
    const settled = this.#takeWhile(({ quietSince }) => claim.at - quietSince >= this.#settleMs)
    if (this.#claims.length < MAX_CLAIMS) this.#claims.push({ ...claim, quietSince: claim.at })
    return settled
  }

  /**
   * A complete change arrived at the time `now`. Returns the newest report it proves; the others must settle
   * again.
   */
  change(revision: number, now: number): ProgressClaim | undefined {
    const proven = this.#takeWhile((claim) => claim.revision <= revision)
    for (const claim of this.#claims) claim.quietSince = now
    return proven
  }

  clear(): void {
    this.#claims = []
  }

  #takeWhile(
    isProven: (claim: ProgressClaim & { quietSince: number }) => boolean,
  ): ProgressClaim | undefined {
    let proven: ProgressClaim | undefined
    while (this.#claims[0] !== undefined && isProven(this.#claims[0])) proven = this.#claims.shift()
    return proven && { revision: proven.revision, at: proven.at }
  }
}
