import type { Histogram } from 'prom-client'
import type { Observe } from '../metric-observer.ts'
import type { Labels } from '../series-table.ts'

/** As many values of one series are held at most. */
const MOST = 256

/**
 * Holds the values of a histogram until it is asked for, or until there are many: `prom-client` looks at the labels of each value,
 * which takes longer than all that a change costs otherwise.
 */
export class HeldValues {
  readonly #histogram: Histogram
  readonly #flushes: (() => void)[] = []
  readonly #held: number[][] = []

  constructor(histogram: Histogram) {
    this.#histogram = histogram
  }

  series(labels: Labels): Observe {
    const held: number[] = []
    const flush = (): void => {
      const series = this.#histogram.labels({ ...labels })
      for (const value of held.splice(0)) series.observe(value)
    }
    this.#held.push(held)
    this.#flushes.push(flush)
    return (value) => {
      if (held.push(value) === MOST) flush()
    }
  }

  flush(): void {
    for (const flush of this.#flushes) flush()
  }

  drop(): void {
    for (const held of this.#held) held.length = 0
  }
}
