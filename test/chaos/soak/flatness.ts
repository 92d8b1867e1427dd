/** How one figure went over a long run. */
export interface Flatness {
  readonly name: string
  readonly unit: string
  /** Median of the second quarter, when everything is warm. */
  readonly early: number
  /** Median of the last quarter. */
  readonly late: number
  readonly allowed: number
  readonly isFlat: boolean
}

/** What a figure may grow by from its second quarter to its last: a share of it, and an amount that is noise. */
export interface Slack {
  readonly share: number
  readonly amount: number
}

/** Whether a figure stayed where it was once all was warm. Medians, so that a single outlier says nothing. */
export const judgeFlatness = (
  name: string,
  unit: string,
  values: readonly number[],
  { share, amount }: Slack,
): Flatness => {
  const quarter = Math.floor(values.length / 4)
  if (quarter < 1) throw new RangeError(`${name}: ${values.length} samples are too few for four quarters`)
  const early = median(values.slice(quarter, 2 * quarter))
  const late = median(values.slice(-quarter))
  const allowed = early * (1 + share) + amount
  return { name, unit, early, late, allowed, isFlat: late <= allowed }
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
