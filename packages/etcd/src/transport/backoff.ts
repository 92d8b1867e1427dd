/** Delays between attempts. */
export interface BackoffOptions {
  /** Delay before the first retry, in milliseconds. Default 25. */
  readonly minMs: number
  /** Maximum delay, in milliseconds. Default 2,000. */
  readonly maxMs: number
  /** Factor between successive delays. Default 2. */
  readonly factor: number
  /** Random share of the delay, from 0 to 1. Default 0.5. */
  readonly jitter: number
}

/**
 * Delay in milliseconds before retry number `attempt`, starting with 0. `random` returns numbers in [0, 1).
 */
export function backoffMs(
  options: BackoffOptions,
  attempt: number,
  random: () => number = Math.random,
): number {
  const full = Math.min(options.maxMs, options.minMs * options.factor ** Math.min(attempt, 60))
  return full * (1 - options.jitter * random())
}
