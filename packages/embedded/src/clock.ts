/** Time as the server sees it: lease expiry, token expiry, delays, progress notices. */
export interface Clock {
  /** Milliseconds since any fixed point; never goes back. */
  now(): number
  /** Runs `callback` once, `delayMs` from now; the result takes it back. */
  schedule(callback: () => void, delayMs: number): () => void
}

/** Longest delay a Node timer takes; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** The machine's own monotonic clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS))
    return () => clearTimeout(timer)
  },
}
