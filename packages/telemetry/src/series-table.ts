import { METRICS, type MetricName } from './metrics.ts'

/** The labels of one series, by name. */
export type Labels = Readonly<Record<string, string>>

/** What each series of a metric is written by. It is made when the series is first written to, so that labels are looked at once. */
export class SeriesTable<Series> {
  readonly #labels: readonly string[]
  readonly #make: (labels: Labels) => Series
  readonly #series = new Map<string, Series>()

  constructor(name: MetricName, make: (labels: Labels) => Series) {
    this.#labels = METRICS[name].labels
    this.#make = make
  }

  get all(): Iterable<Series> {
    return this.#series.values()
  }

  /** The series with these values of the labels, in their order. */
  at(first: string, second = '', third = ''): Series {
    const key = `${first}\n${second}\n${third}`
    const known = this.#series.get(key)
    if (known !== undefined) return known
    const values = [first, second, third]
    const labels = Object.fromEntries(this.#labels.map((label, index) => [label, values[index] ?? '']))
    const made = this.#make(labels)
    this.#series.set(key, made)
    return made
  }
}
