/** The writes a second of all instances together, which keeps them well under 500. */
const WRITES_PER_SECOND = 400
/** The time that writes are spread over, in milliseconds: at least, at most, and when the number of instances is unknown. */
const SPREAD_MS = { least: 100, most: 60_000, unknown: 2_000 } as const
/** How long an instance waits after a failure, in milliseconds: twice as long after each further one. */
const RETRY_MS = { first: 1_000, most: 60_000 } as const

/** The time, in milliseconds, that the writes of `instances` instances are spread over; undefined: their number is unknown. */
export function spreadFor(instances: number | undefined): number {
  if (instances === undefined) return SPREAD_MS.unknown
  return Math.min(Math.max((instances / WRITES_PER_SECOND) * 1_000, SPREAD_MS.least), SPREAD_MS.most)
}

/** How long to wait after the n-th failure in a row, at random: between half of the time and all of it. */
export function retryMs(failures: number, random: () => number): number {
  const most = Math.min(RETRY_MS.first * 2 ** (failures - 1), RETRY_MS.most)
  return most * (0.5 + random() / 2)
}

/** A random time from 0 to `ms` milliseconds. */
export function randomly(ms: number): number {
  return Math.random() * ms
}
