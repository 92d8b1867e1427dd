/** A server's word on progress: at the time `at` its store was at `revision`. Time in milliseconds. */
export interface ProgressClaim {
  readonly revision: number
  readonly at: number
}

/** No answer takes longer, in milliseconds: the clock was put back meanwhile. */
export const CLOCK_STEP_MS = 60_000
/** More claims than a watch ever waits for at the shortest interval of questions. */
const MAX_CLAIMS = 64

/**
 * Progress answers of a server that may send one before the changes it speaks of (etcd before 3.4.25 and 3.5.8). Changes
 * of one watch do come in their order, so a claim is proven by a change at or above its revision; or by quiet, when for
 * `settleMs` no change came that the claim had left behind.
 */
export class UnorderedProgress {
  readonly #settleMs: number
  /** Rising in time and, as a store's revision does, in revision. */
  #claims: (ProgressClaim & { quietSince: number })[] = []

  /** @param settleMs how long the watch has to be quiet after a claim, in milliseconds */
  constructor(settleMs: number) {
    this.#settleMs = settleMs
  }

  /** Takes up a claim and returns the newest one that is proven by now. */
  claim(claim: ProgressClaim): ProgressClaim | undefined {
    const last = this.#claims.at(-1)
    // The clock was put back: ages say nothing any more.
    if (last !== undefined && claim.at < last.at) this.#claims = []
    const settled = this.#takeWhile(({ quietSince }) => claim.at - quietSince >= this.#settleMs)
    if (this.#claims.length < MAX_CLAIMS) this.#claims.push({ ...claim, quietSince: claim.at })
    return settled
  }

  /** A whole change came at the time `now`. Returns the newest claim it proves; the others have to settle anew. */
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
