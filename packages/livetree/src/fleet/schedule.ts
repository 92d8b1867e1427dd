/** With so many writes a second, all instances together stay well under 500. */
const WRITES_PER_SECOND = 400
/** The time that writes are spread over, in milliseconds: at least, at most, and where nobody knows how many instances there are. */
const SPREAD_MS = { least: 100, most: 60_000, unknown: 2_000 } as const
/** How long an instance waits after a failure, in milliseconds: twice as long after each further one. */
const RETRY_MS = { first: 1_000, most: 60_000 } as const

/** The time, in milliseconds, that the writes of so many instances are spread over. */
export function spreadFor(instances: number | undefined): number {
  if (instances === undefined) return SPREAD_MS.unknown
  return Math.min(Math.max((instances / WRITES_PER_SECOND) * 1_000, SPREAD_MS.least), SPREAD_MS.most)
}

/** How long to wait after the n-th failure in a row, at random: between half of the time and all of it. */
export function retryMs(failures: number, random: () => number): number {
  const most = Math.min(RETRY_MS.first * 2 ** (failures - 1), RETRY_MS.most)
  return most * (0.5 + random() / 2)
}

/** At a random moment within so many milliseconds. */
export function randomly(ms: number): number {
  return Math.random() * ms
}
