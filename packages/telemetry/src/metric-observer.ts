import { openConfigs } from '@livetree/core/tools'
import type { CounterName, HistogramName, LabelsOf } from './metrics.ts'
import { METRICS, namesOf } from './metrics.ts'
import type { Observer } from './observe.ts'

/** Where metrics are kept. */
export interface MetricSink {
  add<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, count: number): void
  observe<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, value: number): void
}

/** Counts and measures what is observed. */
export function metricObserver(sink: MetricSink): Observer {
  const { add, observe } = sink
  const beginAtZero = (config: string): void => {
    for (const name of namesOf('counter'))
      for (const labels of labelsAtZero(name, config)) add(name, labels as never, 0)
  }
  for (const { name } of openConfigs()) beginAtZero(name)
  return {
    ready: ({ config }) => beginAtZero(config),
    reloaded({ config, result, durationsMs }) {
      add('livetree_config_reloads_total', { config, result }, 1)
      for (const phase of ['validate', 'apply'] as const)
        observe('livetree_config_reload_duration_seconds', { config, phase }, durationsMs[phase] / 1_000)
    },
    attributed({ config, result, startedAt, durationsMs }, writes) {
      if (result !== 'applied') return
      const appliedAt = startedAt + durationsMs.validate + durationsMs.apply
      for (const write of writes) {
        const ms = Math.max(0, appliedAt - write.startedAt)
        observe('livetree_config_propagation_seconds', { config }, ms / 1_000)
      }
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
    watchRestarted: ({ client, reason }) => add('livetree_watch_restarts_total', { client, reason }, 1),
    renewed: ({ client, result }) => add('livetree_lease_renewals_total', { client, result }, 1),
  }
}

/**
 * The labels of the series of a counter that a configuration has before there is anything to count: what they grow by is seen
 * from the first time on. None for a counter of clients.
 */
export function labelsAtZero(name: CounterName, config: string): readonly Readonly<Record<string, string>>[] {
  const metric = METRICS[name]
  return 'values' in metric ? metric.values.map((result) => ({ config, result })) : []
}
