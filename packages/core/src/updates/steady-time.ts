import type { Clock } from '../source/source.ts'

/** Creates a function that returns the time of a clock, in ms since the epoch, and goes on from there when the clock is set back. */
export function steadyTime(clock: Pick<Clock, 'now'>): () => number {
  let last = Number.NEGATIVE_INFINITY
  /** How far the clock has been set back, in milliseconds. */
  let behind = 0
  return () => {
    const now = clock.now()
    if (now + behind < last) behind = last - now
    last = now + behind
    return last
  }
}
