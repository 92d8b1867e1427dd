import { LivetreeError } from '@livetree/core'
import type { Counter, Histogram, Meter, Observable, Tracer } from '@opentelemetry/api'
import { checkAppVersion } from '../app-version.ts'
import { readGauge } from '../gauges.ts'
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
import { type Telemetry, telemetryOf } from '../telemetry.ts'
import { SpanObserver } from './span-observer.ts'

/** Options of `instrument`: a meter, a tracer, or both. */
export interface InstrumentOptions {
  /** Makes the instruments of all metrics. Default: there are no metrics. */
  readonly meter?: Meter | undefined
  /** Makes a span for each call of a client, in the trace of its caller, and for each reload. Default: there are no spans. */
  readonly tracer?: Tracer | undefined
  /** Version of the application, for `livetree_config_info`. Default: empty. */
  readonly appVersion?: string | undefined
}

/**
 * Shows all configurations and clients of this process to OpenTelemetry, those that are open already included.
 *
 * @throws LivetreeError `invalid_options` if there is neither a meter nor a tracer, or one that is none
 */
export function instrument(options: InstrumentOptions): Telemetry {
  const { meter, tracer, appVersion } = options ?? {}
  const version = checkAppVersion('instrument()', appVersion)
  if (meter === undefined && tracer === undefined)
    throw invalid('needs a meter, a tracer, or both, such as { meter: metrics.getMeter("app") }')
  assertMethods('meter', meter, ['createCounter', 'createHistogram', 'createObservableGauge'])
  assertMethods('tracer', tracer, ['startSpan'])
  return telemetryOf([
    ...(meter === undefined ? [] : startMetrics(meter, version)),
    ...(tracer === undefined ? [] : startSpans(tracer)),
  ])
}

function startMetrics(meter: Meter, version: string): readonly (() => void)[] {
  const counters = new Map<CounterName, Counter>()
  const histograms = new Map<HistogramName, Histogram>()
  const gauges = new Map<Observable, GaugeName>()
  for (const name of namesOf('counter')) counters.set(name, meter.createCounter(name, settingsOf(name)))
  for (const name of namesOf('histogram')) {
    const advice = { explicitBucketBoundaries: [...METRICS[name].buckets] }
    histograms.set(name, meter.createHistogram(name, { ...settingsOf(name), advice }))
  }
  for (const name of namesOf('gauge')) gauges.set(meter.createObservableGauge(name, settingsOf(name)), name)
  const read: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    for (const [gauge, name] of gauges)
      for (const { labels, value } of readGauge(name, version)) result.observe(gauge, value, { ...labels })
  }
  meter.addBatchObservableCallback(read, [...gauges.keys()])
  const observer = metricObserver({
    add: (name, labels, count) => counters.get(name)?.add(count, { ...labels }),
    observe: (name, labels, value) => histograms.get(name)?.record(value, { ...labels }),
  })
  return [...observe(observer), () => meter.removeBatchObservableCallback(read, [...gauges.keys()])]
}

function startSpans(tracer: Tracer): readonly (() => void)[] {
  const spans = new SpanObserver(tracer)
  return [...observe(spans), () => spans.close()]
}

function settingsOf(name: MetricName): { readonly description: string; readonly unit: string } {
  const { help, unit } = METRICS[name]
  return { description: help, unit }
}

function assertMethods(name: string, given: unknown, methods: readonly string[]): void {
  if (given === undefined) return
  const missing = methods.find(
    (method) => typeof (given as Readonly<Record<string, unknown>> | null)?.[method] !== 'function',
  )
  if (missing !== undefined)
    throw invalid(`got a ${name} without ${missing}(): give one of @opentelemetry/api`)
}

function invalid(what: string): LivetreeError {
  return new LivetreeError('invalid_options', `instrument() ${what}.`)
}
