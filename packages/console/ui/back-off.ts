/** How long what failed is left alone at first and at most, in milliseconds. */
const FIRST_MS = 1_000
const MOST_MS = 15_000

/**
 * How long to wait before the next attempt, in milliseconds: twice as long each time, and by half at random, so that the tabs of
 * many users do not come at once.
 *
 * @param failures attempts that have failed, one after the other
 */
export function backOffMs(failures: number, random: () => number = Math.random): number {
  const ms = Math.min(MOST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1))
  return ms / 2 + (random() * ms) / 2
}
