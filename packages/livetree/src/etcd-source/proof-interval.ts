import { LivetreeError } from '@livetree/core'

/** Proofs requested within `staleAfterMs`, so that one or two may be late. */
const PROOFS_IN_STALE_TIME = 3
/** Longest interval, in milliseconds: longer than the watch service's own, and short enough for a timer. */
const MAX_PROOF_MS = 3_600_000
/**
 * Least `staleAfterMs`: three round trips, of which the server may answer one late. Servers before 3.4.25 and 3.5.8 give a
 * proof only after 200 ms without a change.
 */
const LEAST_STALE_MS = 500

/**
 * Refuses a time that passes between two proofs: the configuration would be stale again and again, or always.
 *
 * @throws LivetreeError `invalid_options`
 */
export function assertProvable(staleAfterMs: number | undefined, source: string): void {
  if (staleAfterMs === undefined || staleAfterMs >= LEAST_STALE_MS) return
  throw new LivetreeError(
    'invalid_options',
    `load() got staleAfterMs = ${staleAfterMs}, and the source ${source} proves its freshness over the network; expected at least ${LEAST_STALE_MS} ms, or Infinity.`,
  )
}

/** How often a watch asks for proof, so that it comes within `staleAfterMs`; nothing where none is needed. */
export function proofEvery(staleAfterMs: number | undefined): { proofEveryMs?: number } {
  if (staleAfterMs === undefined || !Number.isFinite(staleAfterMs)) return {}
  return { proofEveryMs: Math.min(Math.floor(staleAfterMs / PROOFS_IN_STALE_TIME), MAX_PROOF_MS) }
}
