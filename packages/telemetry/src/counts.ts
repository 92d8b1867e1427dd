import { type CounterName, namesOf } from './metrics.ts'
import { seriesAtZero } from './series-at-zero.ts'
import { type Labels, SeriesTable } from './series-table.ts'

/** One series of a counter. */
export interface CountedSeries {
  readonly labels: Labels
  count: number
  /** How much of it was shown. */
  shown: number
}

/** The counters of one subscriber. It counts here, which costs next to nothing, and they are read when they are asked for. */
export class Counts {
  readonly #tables = new Map(
    namesOf('counter').map((name) => {
      const make = (labels: Labels): CountedSeries => ({ labels, count: 0, shown: 0 })
      return [name, new SeriesTable(name, make)] as const
    }),
  )

  /** The series with these values of the labels, in their order. */
  at(name: CounterName, first: string, second: string, third?: string): CountedSeries {
    const table = this.#tables.get(name)
    if (table === undefined) throw new Error(`There is no counter ${name}`)
    return table.at(first, second, third)
  }

  /** All series of a counter; those of configurations and clients that are open now are there at 0. */
  read(name: CounterName): Iterable<CountedSeries> {
    for (const [owner, value] of seriesAtZero(name)) this.at(name, owner, value)
    return this.#tables.get(name)?.all ?? []
  }

  /** What was counted until now is not shown any more. */
  reset(name: CounterName): void {
    for (const series of this.#tables.get(name)?.all ?? []) series.shown = series.count
  }
}
