import { openConfigs } from '@livetree/core/tools'
import { openClients } from '@livetree/etcd'
import { type CounterName, METRICS, namesOf } from './metrics.ts'

/** The labels of one series of a counter. */
export type SeriesLabels = Readonly<Record<string, string>>

/**
 * The series of a counter that are shown before there is anything to count, for each open configuration or client: what they
 * grow by is seen from the first time on, as `increase()` of Prometheus sees nothing in a series that begins at 1.
 */
export function seriesAtZero(name: CounterName): readonly SeriesLabels[] {
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
  begin: (name: CounterName, labels: SeriesLabels) => void,
): void {
  for (const name of namesOf('counter'))
    if (METRICS[name].labels[0] === kind) for (const labels of seriesOf(name, owner)) begin(name, labels)
}

function seriesOf(name: CounterName, owner: string): readonly SeriesLabels[] {
  const metric = METRICS[name]
  if (!('values' in metric)) return []
  const [first, second] = metric.labels
  return metric.values.map((value) => ({ [first]: owner, [second]: value }))
}
