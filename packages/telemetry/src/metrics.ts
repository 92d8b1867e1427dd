import type { LeaseMessage, WatchRestartReason } from '@livetree/etcd'

/** One metric, for every library that it is shown by. */
interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** `s`: seconds. Empty: a number, such as a revision. */
  readonly unit: 's' | ''
  readonly help: string
  readonly labels: readonly string[]
  /** For a gauge, which value is shown if several configurations, clients or processes have the same labels. */
  readonly combine?: 'min' | 'max'
  /** For a counter, the values of its second label where they are few. All of them are shown from the start, at 0. */
  readonly values?: readonly string[]
  /** For a histogram, the upper bounds of its buckets. */
  readonly buckets?: readonly number[]
}

/** Complete, as the type requires. */
const RESTART_REASONS = Object.keys({
  failed: 0,
  dead: 0,
  silent: 0,
  unanswered: 0,
  no_progress: 0,
  dropped: 0,
  token: 0,
  unverified: 0,
  moved: 0,
  full: 0,
  compacted: 0,
  cluster_changed: 0,
  response_too_large: 0,
  ended: 0,
} satisfies Readonly<Record<WatchRestartReason, 0>>)
const RENEWAL_RESULTS = Object.keys({
  renewed: 0,
  failed: 0,
  lost: 0,
  expired: 0,
} satisfies Readonly<Record<LeaseMessage['result'], 0>>)

/** From 50 µs, as long as a small change takes, to the 10 s after which a change has not arrived. */
const RELOAD_BUCKETS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5,
]
const SECONDS_BUCKETS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * Every metric, by its name, which is the same in OpenTelemetry and in Prometheus. A label never holds a key or a value:
 * `config` is the name given to `defineConfig`, `client` the client's `clientName`.
 */
export const METRICS = {
  livetree_config_last_reload_successful: {
    type: 'gauge',
    unit: '',
    help: '1 if the newest tree is valid, 0 while it is rejected and the last good one is in service',
    labels: ['config'],
    combine: 'min',
  },
  livetree_config_last_reload_success_timestamp_seconds: {
    type: 'gauge',
    unit: 's',
    help: 'When a tree was last found valid, in seconds since the Unix epoch',
    labels: ['config'],
    combine: 'min',
  },
  livetree_config_reloads_total: {
    type: 'counter',
    unit: '',
    help: 'Updates of sources that were judged, by what became of them',
    labels: ['config', 'result'],
    values: ['applied', 'unchanged', 'rejected'],
  },
  livetree_config_reload_duration_seconds: {
    type: 'histogram',
    unit: 's',
    help: 'Time that a reload takes: to validate, and to apply with all listeners called',
    labels: ['config', 'phase'],
    buckets: RELOAD_BUCKETS,
  },
  livetree_config_propagation_seconds: {
    type: 'histogram',
    unit: 's',
    help: 'Time from the begin of a write by a client of this process to where it is in service here',
    labels: ['config'],
    buckets: SECONDS_BUCKETS,
  },
  livetree_config_revision: {
    type: 'gauge',
    unit: '',
    help: 'Revision of the store that is in service',
    labels: ['config'],
    combine: 'min',
  },
  livetree_store_revision: {
    type: 'gauge',
    unit: '',
    help: 'Newest revision of the store that was received, in service or not; none without a store',
    labels: ['config'],
    combine: 'max',
  },
  livetree_config_stale: {
    type: 'gauge',
    unit: '',
    help: '1 while the configuration is not proven to be the newest',
    labels: ['config'],
    combine: 'max',
  },
  livetree_config_info: {
    type: 'gauge',
    unit: '',
    help: '1; the fingerprint of the schema and the version of the application are labels',
    labels: ['config', 'schema', 'version'],
    combine: 'max',
  },
  livetree_resource_swaps_total: {
    type: 'counter',
    unit: '',
    help: 'Instances of resources that were built for a change: in service, or failed',
    labels: ['config', 'result'],
    values: ['swapped', 'failed'],
  },
  livetree_resource_drains_total: {
    type: 'counter',
    unit: '',
    help: 'Old instances of resources: no longer in use, or still in use when their time was over',
    labels: ['config', 'result'],
    values: ['drained', 'overdue'],
  },
  livetree_client_calls_total: {
    type: 'counter',
    unit: '',
    help: 'Calls of etcd clients that have ended, by the code of the error, or ok',
    labels: ['client', 'method', 'code'],
  },
  livetree_client_call_duration_seconds: {
    type: 'histogram',
    unit: 's',
    help: 'Time that a call of an etcd client takes, with all its retries',
    labels: ['client', 'method'],
    buckets: SECONDS_BUCKETS,
  },
  livetree_client_retries_total: {
    type: 'counter',
    unit: '',
    help: 'Attempts at calls that failed and were made again, by why',
    labels: ['client', 'method', 'code'],
  },
  livetree_client_endpoint_connected: {
    type: 'gauge',
    unit: '',
    help: '1 if the endpoint answers, 0 while it is away; none where nobody has tried it',
    labels: ['client', 'endpoint'],
    combine: 'min',
  },
  livetree_watch_connected: {
    type: 'gauge',
    unit: '',
    help: '1 if a server serves all watches of the client, 0 while one waits; none without a watch',
    labels: ['client'],
    combine: 'min',
  },
  livetree_watch_restarts_total: {
    type: 'counter',
    unit: '',
    help: 'Streams of watches that were left for another one, and ranges that were listed again, by why',
    labels: ['client', 'reason'],
    values: RESTART_REASONS,
  },
  livetree_lease_renewals_total: {
    type: 'counter',
    unit: '',
    help: 'Renewals of leases that are kept alive, and leases that were lost or have expired',
    labels: ['client', 'result'],
    values: RENEWAL_RESULTS,
  },
} as const satisfies Readonly<Record<string, Metric>>

/** The name of a metric. */
export type MetricName = keyof typeof METRICS

type OfType<Type> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never
}[MetricName]

/** The name of a counter. */
export type CounterName = OfType<'counter'>
/** The name of a gauge. */
export type GaugeName = OfType<'gauge'>
/** The name of a histogram. */
export type HistogramName = OfType<'histogram'>

/** The labels of a metric. */
export type LabelsOf<Name extends MetricName> = {
  readonly [Label in (typeof METRICS)[Name]['labels'][number]]: string
}

/** The names of all metrics of one type. */
export function namesOf<Type extends Metric['type']>(type: Type): readonly OfType<Type>[] {
  return (Object.keys(METRICS) as OfType<Type>[]).filter((name) => METRICS[name].type === type)
}
