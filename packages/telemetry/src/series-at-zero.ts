import { openConfigs } from '@livetree/core/tools'
import { openClients } from '@livetree/etcd'
import { type CounterName, METRICS, namesOf } from './metrics.ts'

/** The values of the labels of one series of a counter, in their order. */
export type SeriesValues = readonly [owner: string, value: string]

/**
 * The series of a counter that are shown before there is anything to count, for each open configuration or client: what they
 * grow by is seen from the first time on, as `increase()` of Prometheus sees nothing in a series that begins at 1.
 */
export function seriesAtZero(name: CounterName): readonly SeriesValues[] {
  const owners =
    METRICS[name].labels[0] === 'config'
      ? openConfigs().map((config) => config.name)
      : openClients().map(({ clientName }) => clientName)
  return [...new Set(owners)].flatMap((owner) => seriesOf(name, owner))
}

/** Calls `begin` for all such series of one configuration or client. */
export function eachAtZero(
  kind: 'config' | 'client',
  owner: string,
  begin: (name: CounterName, values: SeriesValues) => void,
): void {
  for (const name of namesOf('counter'))
    if (METRICS[name].labels[0] === kind) for (const values of seriesOf(name, owner)) begin(name, values)
}

function seriesOf(name: CounterName, owner: string): readonly SeriesValues[] {
  const metric = METRICS[name]
  return 'values' in metric ? metric.values.map((value) => [owner, value] as const) : []
}
