import { type CounterName, type HistogramName, type LabelsOf, namesOf } from './metrics.ts'
import type { Observer } from './observe.ts'
import { eachAtZero, type SeriesLabels, seriesAtZero } from './series-at-zero.ts'

/** Where metrics are kept. */
export interface MetricSink {
  add<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, count: number): void
  observe<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, value: number): void
}

/** Counts and measures what is observed. */
export function metricObserver(sink: MetricSink): Observer {
  const { add, observe } = sink
  const begin = (name: CounterName, labels: SeriesLabels): void => add(name, labels as never, 0)
  for (const name of namesOf('counter')) for (const labels of seriesAtZero(name)) begin(name, labels)
  const clients = new Set<string>()
  const meet = (client: string): void => {
    if (clients.has(client)) return
    clients.add(client)
    eachAtZero('client', client, begin)
  }
  return {
    ready: ({ config }) => eachAtZero('config', config, begin),
    callStarted: ({ client }) => meet(client),
    reloaded({ config, result, durationsMs }) {
      add('livetree_config_reloads_total', { config, result }, 1)
      for (const phase of ['validate', 'apply'] as const)
        observe('livetree_config_reload_duration_seconds', { config, phase }, durationsMs[phase] / 1_000)
    },
    attributed({ config, result }, writes) {
      if (result !== 'applied') return
      for (const { propagationMs } of writes)
        observe('livetree_config_propagation_seconds', { config }, propagationMs / 1_000)
    },
    resource({ config, type }) {
      if (type === 'swapped' || type === 'failed')
        add('livetree_resource_swaps_total', { config, result: type }, 1)
      else if (type !== 'disposed') add('livetree_resource_drains_total', { config, result: type }, 1)
    },
    callEnded({ client, method, code = 'ok', durationMs = 0 }) {
      add('livetree_client_calls_total', { client, method, code }, 1)
      observe('livetree_client_call_duration_seconds', { client, method }, durationMs / 1_000)
    },
    retried: ({ client, method, code }) => add('livetree_client_retries_total', { client, method, code }, 1),
    watchRestarted({ client, reason }) {
      meet(client)
      add('livetree_watch_restarts_total', { client, reason }, 1)
    },
    renewed({ client, result }) {
      meet(client)
      add('livetree_lease_renewals_total', { client, result }, 1)
    },
  }
}
