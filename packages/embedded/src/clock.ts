/** Time as the server sees it: lease expiry, token expiry, delays, progress notices. */
export interface Clock {
  /** Milliseconds since any fixed point; never goes back. */
  now(): number
  /** Runs `callback` once, `delayMs` from now; the result takes it back. */
  schedule(callback: () => void, delayMs: number): () => void
}

/** Longest delay a Node timer takes; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** A timer that is late by as much, in milliseconds, finds an event loop that was blocked. */
const LATE_MS = 20

/**
 * The machine's own monotonic clock. After an event loop that was blocked, as by the application in the same process, a timer
 * fires when what has arrived meanwhile was read, such as the renewal of a lease.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(callback, delayMs) {
    const ms = Math.min(delayMs, MAX_DELAY_MS)
    const dueAt = performance.now() + ms
    let late: NodeJS.Immediate | undefined
    const timer = setTimeout(() => {
      if (performance.now() - dueAt < LATE_MS) callback()
      else late = setImmediate(callback)
    }, ms)
    return () => {
      clearTimeout(timer)
      clearImmediate(late)
    }
  },
}
