import { LivetreeError } from '@livetree/core'
import { checkOptions } from '@livetree/core/adapter'
import { Counter, Gauge, Histogram, register as DEFAULT_REGISTER, type Registry } from 'prom-client'
import { Counts } from '../counts.ts'
import { readGauge } from '../gauges.ts'
import { HeldValues } from '../held-values.ts'
import { metricObserver } from '../metric-observer.ts'
import {
  type CounterName,
  type GaugeName,
  type HistogramName,
  METRICS,
  type MetricName,
  namesOf,
} from '../metrics.ts'
import { observe } from '../observe.ts'
import { APP_VERSION } from '../option-kinds.ts'
import type { Labels } from '../series-table.ts'
import { guarded, settled, type Telemetry, telemetryOf } from '../telemetry.ts'

/** Options of `collect`. */
export interface CollectOptions {
  /** Version of the application, for `livetree_config_info`. Default: empty. */
  readonly appVersion?: string | undefined
}

/**
 * Shows the metrics of all configurations and clients of this process in a registry of `prom-client`, those that are open
 * already included.
 *
 * @param register default: the registry that `prom-client` has by itself
 * @throws LivetreeError `invalid_options` for unknown options, what is no registry, and one that has a metric of one of the names
 */
export function collect(register: Registry = DEFAULT_REGISTER, options: CollectOptions = {}): Telemetry {
  checkOptions('collect()', options, { appVersion: APP_VERSION })
  assertRegistry(register)
  const counts = new Counts()
  const counters = new Map<CounterName, Counter>()
  const histograms = new Map<HistogramName, Histogram>()
  const held = new Map<HistogramName, HeldValues>()
  const gauges = new Map<GaugeName, Gauge>()
  const unregister = telemetryOf([
    () => takeOut(counters, register),
    () => takeOut(histograms, register),
    () => takeOut(gauges, register),
  ])
  try {
    for (const name of namesOf('counter')) counters.set(name, counterOf(name, counts, register))
    for (const name of namesOf('histogram')) {
      const histogram = histogramOf(name, register, () => held.get(name))
      histograms.set(name, histogram)
      const recordOf = (labels: Labels) => {
        const series = histogram.labels({ ...labels })
        return (value: number) => settled(series.observe(value))
      }
      held.set(name, new HeldValues(recordOf))
    }
    for (const name of namesOf('gauge')) gauges.set(name, gaugeOf(name, register, options.appVersion ?? ''))
  } catch (error) {
    unregister.stop()
    throw error
  }
  const observer = metricObserver({
    counts,
    histogram: (name, labels) => held.get(name)?.series(labels) ?? (() => {}),
  })
  return telemetryOf([...observe(observer), () => unregister.stop()])
}

/** Takes metrics out, but for those that are gone: the registry may have been emptied, and have others of their names. */
function takeOut(metrics: ReadonlyMap<MetricName, Counter | Histogram | Gauge>, register: Registry): void {
  for (const [name, metric] of metrics)
    if (register.getSingleMetric(name) === metric) register.removeSingleMetric(name)
}

/** Takes what was counted when it is asked for. */
function counterOf(name: CounterName, counts: Counts, register: Registry): Counter {
  const counter: Counter = new Counter({
    ...settingsOf(name),
    registers: [register],
    collect() {
      guarded(() => {
        // Also what is zero: the registry may have been reset.
        for (const series of counts.read(name)) {
          const { labels, count, shown } = series
          settled(counter.inc({ ...labels }, count - shown))
          series.shown = count
        }
      })
    },
  })
  atReset(counter, () => counts.reset(name))
  return counter
}

function histogramOf(
  name: HistogramName,
  register: Registry,
  heldOf: () => HeldValues | undefined,
): Histogram {
  const histogram = new Histogram({
    ...settingsOf(name),
    buckets: [...METRICS[name].buckets],
    registers: [register],
    collect: () => void guarded(() => heldOf()?.flush()),
  })
  atReset(histogram, () => heldOf()?.drop())
  return histogram
}

/** What is counted here goes with what the registry shows, as when it is reset for a test. */
function atReset(metric: Counter | Histogram, work: () => void): void {
  const reset = metric.reset.bind(metric)
  metric.reset = () => {
    work()
    reset()
  }
}

function gaugeOf(name: GaugeName, register: Registry, version: string): Gauge {
  const gauge: Gauge = new Gauge({
    ...settingsOf(name),
    aggregator: METRICS[name].combine,
    registers: [register],
    collect() {
      guarded(() => {
        gauge.reset()
        for (const { labels, value } of readGauge(name, version)) settled(gauge.set(labels, value))
      })
    },
  })
  return gauge
}

function settingsOf(name: MetricName) {
  const { help, labels } = METRICS[name]
  return { name, help, labelNames: [...labels] }
}

function assertRegistry(register: unknown): asserts register is Registry {
  const given = register as Partial<Registry> | null
  if (typeof given?.getSingleMetric !== 'function' || typeof given.removeSingleMetric !== 'function') {
    const message = 'collect() needs a registry of prom-client, such as its `register` or a `new Registry()`.'
    throw new LivetreeError('invalid_options', message)
  }
  const taken = Object.keys(METRICS).find((name) => given.getSingleMetric?.(name) !== undefined)
  if (taken === undefined) return
  const message = `collect() got a registry that has ${taken} already. Stop the other collect() first, or give another registry.`
  throw new LivetreeError('invalid_options', message)
}
