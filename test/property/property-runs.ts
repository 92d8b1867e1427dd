import { isLongRun } from '../support/run-length.ts'

/** Draws of the long form of a property, as `LIVETREE_LONG_TESTS=1` runs it. */
const LONG_RUNS = 2_000

/**
 * How many cases of a property are drawn, as a share of the long form: `inShort` of it without LIVETREE_LONG_TESTS.
 * `LIVETREE_PROPERTY_RUNS` says another number in the place of the 2,000 of the long form, and is not shortened.
 */
export function propertyRuns(share: number, inShort: number): number {
  const given = process.env.LIVETREE_PROPERTY_RUNS
  if (given !== undefined) return Math.ceil(Number(given) * share)
  return Math.ceil(LONG_RUNS * share * (isLongRun ? 1 : inShort))
}
