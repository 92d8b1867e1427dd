const FIRST_DELAY_MS = 200
const LONGEST_DELAY_MS = 5_000

/** The pause after a number of failures in a row: doubled from the first to the longest, half of it random. */
export function backoffMs(failures: number): number {
  const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures, 10))
  return longest * (0.5 + Math.random() / 2)
}
