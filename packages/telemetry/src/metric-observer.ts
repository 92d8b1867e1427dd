import type { Counts } from './counts.ts'
import type { CounterName, HistogramName } from './metrics.ts'
import type { Observer } from './observe.ts'
import { eachAtZero, type SeriesValues } from './series-at-zero.ts'
import { type Labels, SeriesTable } from './series-table.ts'

/** Takes a value of one series of a histogram, in seconds. */
export type Observe = (seconds: number) => void

/** Where metrics are kept. */
export interface MetricSink {
  readonly counts: Counts
  histogram(name: HistogramName, labels: Labels): Observe
}

/** Counts and measures what is observed. */
export function metricObserver({ counts, histogram }: MetricSink): Observer {
  const measure = (name: HistogramName) => new SeriesTable(name, (labels) => histogram(name, labels))
  const reloadTimes = measure('livetree_config_reload_duration_seconds')
  const propagations = measure('livetree_config_propagation_seconds')
  const callTimes = measure('livetree_client_call_duration_seconds')
  const add = (name: CounterName, first: string, second: string, third?: string): void => {
    counts.at(name, first, second, third).count++
  }
  const begin = (name: CounterName, values: SeriesValues): void => void counts.at(name, ...values)
  const clients = new Set<string>()
  const meet = (client: string): void => {
    if (clients.has(client)) return
    clients.add(client)
    eachAtZero('client', client, begin)
  }
  return {
    ready: ({ config }) => eachAtZero('config', config, begin),
    callStarted: ({ client }) => meet(client),
    reloaded({ config, result, durationsMs: { validate, apply } }) {
      add('livetree_config_reloads_total', config, result)
      reloadTimes.at(config, 'validate')(validate / 1_000)
      reloadTimes.at(config, 'apply')(apply / 1_000)
    },
    attributed({ config, result }, writes) {
      if (result !== 'applied') return
      for (const { propagationMs } of writes) propagations.at(config)(propagationMs / 1_000)
    },
    resource({ config, type }) {
      if (type === 'swapped' || type === 'failed') add('livetree_resource_swaps_total', config, type)
      else if (type !== 'disposed') add('livetree_resource_drains_total', config, type)
    },
    callEnded({ client, method, code = 'ok', durationMs = 0 }) {
      add('livetree_client_calls_total', client, method, code)
      callTimes.at(client, method)(durationMs / 1_000)
    },
    retried: ({ client, method, code }) => add('livetree_client_retries_total', client, method, code),
    watchRestarted({ client, reason }) {
      meet(client)
      add('livetree_watch_restarts_total', client, reason)
    },
    renewed({ client, result }) {
      meet(client)
      add('livetree_lease_renewals_total', client, result)
    },
  }
}
