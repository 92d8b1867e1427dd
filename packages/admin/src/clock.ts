import type { Clock } from '@livetree/core'

/** Milliseconds of the monotonic clock, for durations: setting the time of day does not change them. */
export function monotonicNow(clock: Clock & { readonly monotonicNow?: () => number }): number {
  return clock.monotonicNow?.() ?? performance.now()
}
