import { expect } from 'vitest'

/** Of what a count is, and its share of that in the short form, as the mean of several runs. Above 1 where a case has several. */
export interface TypicalShare {
  readonly of: number
  readonly typical: number
}

/**
 * Expects at least a quarter of the typical share of random cases to be of interest; with far fewer a property shows
 * little. A quarter is meant for cases that are not rare: where the short form has 35 that do not depend on each other,
 * less than one run in a million has only a quarter of them. Where they do, as those of one history, the mean of several
 * runs divided by their standard deviation, squared, takes the place of the 35. A bound near the mean fails now and then,
 * whatever the code does.
 *
 * What is rarer is drawn more often, or certain: some of the cases have a fixed seed, and one of those is enough.
 */
export function expectShare(what: string, count: number, { of, typical }: TypicalShare): void {
  expect(count, `${what}, of ${of}`).toBeGreaterThan((of * typical) / 4)
}
