/** A ratio of two measurements of one run, with what was aimed at. */
export interface Ratio {
  readonly what: string
  readonly value: number
  /** At most this much, or with `isFloor` at least. */
  readonly aim?: number
  readonly isFloor?: boolean
}
