import { LivetreeError } from '@livetree/core'
import { checkOptions } from '@livetree/core/adapter'
import type { Histogram, Meter, Observable, Tracer } from '@opentelemetry/api'
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
import { APP_VERSION, madeBy } from '../option-kinds.ts'
import type { Labels } from '../series-table.ts'
import { guarded, settled, type Telemetry, telemetryOf } from '../telemetry.ts'
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

const OPTION_TABLE = {
  meter: madeBy(
    'a meter of @opentelemetry/api',
    'createObservableCounter',
    'createHistogram',
    'createObservableGauge',
    'addBatchObservableCallback',
    'removeBatchObservableCallback',
  ),
  tracer: madeBy('a tracer of @opentelemetry/api', 'startSpan'),
  appVersion: APP_VERSION,
}

/** Meters and tracers that are written to: a second time, they would count each call twice. */
const IN_USE = { meter: new Set<Meter | Tracer>(), tracer: new Set<Meter | Tracer>() }

const warned = new Set<string>()

/**
 * Shows all configurations and clients of this process to OpenTelemetry, those that are open already included. A meter is made
 * after the SDK is registered: one that was made before does nothing, which a warning of the process says.
 *
 * @throws LivetreeError `invalid_options` for unknown options, if there is neither a meter nor a tracer, one that is none, or one that another call of
 *   `instrument` that is not stopped was given
 */
export function instrument(options: InstrumentOptions): Telemetry {
  checkOptions('instrument()', options ?? {}, OPTION_TABLE)
  const { meter, tracer, appVersion: version = '' } = options ?? {}
  if (meter === undefined && tracer === undefined)
    throw invalid('needs a meter, a tracer, or both, such as { meter: metrics.getMeter("app") }')
  assertFree('meter', meter)
  assertFree('tracer', tracer)
  return telemetryOf([
    // A meter that throws disturbs nobody: it is warned of, and there are no metrics.
    ...(meter === undefined ? [] : (guarded(() => startMetrics(meter, version)) ?? [])),
    ...(tracer === undefined ? [] : startSpans(tracer)),
  ])
}

/** Returns a function that gives it back. */
function use(kind: 'meter' | 'tracer', given: Meter | Tracer): () => void {
  if (IN_USE[kind].size > 0) warnOfTwo(kind)
  IN_USE[kind].add(given)
  return () => void IN_USE[kind].delete(given)
}

/** Two of one provider have nothing in common that shows it: OpenTelemetry makes another object for each call and each name. */
function warnOfTwo(kind: 'meter' | 'tracer'): void {
  warnOnce(
    'LIVETREE_TELEMETRY_TWICE',
    `got a ${kind} while another one is in use: if both belong to one SDK, it has everything twice. Call instrument() once in a process, or stop the first`,
  )
}

/** Unlike a tracer, a meter does not begin to work when an SDK is registered later. */
function warnOfNoSdk(): void {
  if (process.env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return
  warnOnce(
    'LIVETREE_TELEMETRY_NO_SDK',
    'got a meter that does nothing and never will: it was made before an OpenTelemetry SDK was registered. No metric is exported. Register the SDK first, then call getMeter() and instrument()',
  )
}

function warnOnce(code: string, what: string): void {
  if (warned.has(code)) return
  warned.add(code)
  process.emitWarning(`instrument() of @livetree/telemetry ${what}`, { type: 'LivetreeWarning', code })
}

function startMetrics(meter: Meter, version: string): readonly (() => void)[] {
  const counts = new Counts()
  const counters = new Map<Observable, CounterName>()
  const held = new Map<HistogramName, HeldValues>()
  const gauges = new Map<Observable, GaugeName>()
  for (const name of namesOf('counter'))
    counters.set(settled(meter.createObservableCounter(name, settingsOf(name))), name)
  for (const name of namesOf('histogram')) {
    const advice = { explicitBucketBoundaries: [...METRICS[name].buckets] }
    const histogram: Histogram = settled(meter.createHistogram(name, { ...settingsOf(name), advice }))
    const recordOf = (labels: Labels) => {
      const attributes = { ...labels }
      return (value: number) => settled(histogram.record(value, attributes))
    }
    held.set(name, new HeldValues(recordOf))
  }
  for (const name of namesOf('gauge'))
    gauges.set(settled(meter.createObservableGauge(name, settingsOf(name))), name)
  const record = (): void => {
    for (const values of held.values()) values.flush()
  }
  const read: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    record()
    for (const [gauge, name] of gauges)
      for (const { labels, value } of readGauge(name, version))
        settled(result.observe(gauge, value, { ...labels }))
    for (const [counter, name] of counters)
      for (const { labels, count } of counts.read(name))
        settled(result.observe(counter, count, { ...labels }))
  }
  const observed = [...gauges.keys(), ...counters.keys()]
  settled(meter.addBatchObservableCallback(read, observed))
  const observer = metricObserver({
    counts,
    histogram: (name, labels) => held.get(name)?.series(labels) ?? (() => {}),
  })
  // Without an SDK there is one meter for all names, with one counter for all names, and nothing is counted.
  const isReal = counters.size === namesOf('counter').length
  if (!isReal) warnOfNoSdk()
  return [
    ...observe(observer),
    record,
    () => meter.removeBatchObservableCallback(read, observed),
    ...(isReal ? [use('meter', meter)] : []),
  ]
}

function startSpans(tracer: Tracer): readonly (() => void)[] {
  const spans = new SpanObserver(tracer)
  return [...observe(spans), () => spans.close(), use('tracer', tracer)]
}

function settingsOf(name: MetricName): { readonly description: string; readonly unit: string } {
  const { help, unit } = METRICS[name]
  return { description: help, unit }
}

function assertFree(name: 'meter' | 'tracer', given: Meter | Tracer | undefined): void {
  if (given !== undefined && IN_USE[name].has(given))
    throw invalid(`got a ${name} that is in use. Stop the other instrument() first, or give another ${name}`)
}

function invalid(what: string): LivetreeError {
  return new LivetreeError('invalid_options', `instrument() ${what}.`)
}
