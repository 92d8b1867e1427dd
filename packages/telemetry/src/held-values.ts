import type { Observe } from './metric-observer.ts'
import type { Labels } from './series-table.ts'

/** As many values of one series are held at most. */
const MOST = 256

/**
 * Holds the values of a histogram until they are asked for, or until there are many: libraries look at the labels of each value,
 * which takes longer than much of what a change costs otherwise, and half as long one after the other.
 */
export class HeldValues {
  readonly #recordOf: (labels: Labels) => Observe
  readonly #series: { readonly values: number[]; flush(): void }[] = []

  /** @param recordOf how a value of a series is recorded; called for each flush of one */
  constructor(recordOf: (labels: Labels) => Observe) {
    this.#recordOf = recordOf
  }

  /** How a value of a new series is held. */
  series(labels: Labels): Observe {
    const values: number[] = []
    const flush = (): void => {
      const record = this.#recordOf(labels)
      for (const value of values.splice(0)) record(value)
    }
    this.#series.push({ values, flush })
    return (value) => {
      if (values.push(value) === MOST) flush()
    }
  }

  flush(): void {
    for (const { values, flush } of this.#series) if (values.length > 0) flush()
  }

  drop(): void {
    for (const { values } of this.#series) values.length = 0
  }
}
