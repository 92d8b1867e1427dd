/** How long to wait between attempts. */
export interface BackoffOptions {
  /** Wait before the first retry. Default 25. */
  readonly minMs: number
  /** Longest wait. Default 2,000. */
  readonly maxMs: number
  /** Each wait is this many times the one before. Default 2. */
  readonly factor: number
  /** Share of the wait that is left to chance, from 0 to 1. Default 0.5. */
  readonly jitter: number
}

/** Wait before retry number `attempt` (0 is the first). `random` gives numbers in [0, 1). */
export function backoffMs(
  options: BackoffOptions,
  attempt: number,
  random: () => number = Math.random,
): number {
  const full = Math.min(options.maxMs, options.minMs * options.factor ** Math.min(attempt, 60))
  return full * (1 - options.jitter * random())
}
