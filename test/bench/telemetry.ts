import { defineConfig } from 'livetree'
import type { LayerInfo, Source, SourceContext, SourceSink } from '@livetree/core/source'
import { instrument } from '@livetree/telemetry/opentelemetry'
import { collect } from '@livetree/telemetry/prometheus'
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider } from '@opentelemetry/sdk-metrics'
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { TracerProvider } from '@opentelemetry/sdk-trace'
import { Registry } from 'prom-client'
import * as z from 'zod'
import { amount } from './support/amount.ts'
import { nestedLeaves, serviceSchema, servicePaths } from './support/bench-tree.ts'
import { type Contender, race } from './support/measure.ts'
import { publish } from './support/report.ts'

const LAYER: LayerInfo = { name: 'etcd:/bench', keyPrefix: '/bench/', separator: '/', naming: 'stored' }
const DEPTH = 2
/** One measurement is this many changes, since one alone is shorter than a clock can tell. */
const CHANGES = amount(1_000, 5)
const ROUNDS = amount(40, 2)

/** A source that hands over what it is given, without a network that hides what the rest costs. */
class HandSource implements Source {
  readonly name = 'etcd'
  readonly isRemote = true
  readonly layers = [LAYER]
  sink: SourceSink | undefined

  open({ sink }: SourceContext) {
    this.sink = sink
    const leaves = nestedLeaves(DEPTH).map(([path, value]) => ({ path, value, revision: 1 }))
    sink.replace({ revision: 1, epoch: 0, layers: [leaves] })
    return { refresh: async () => {}, close: async () => {} }
  }
}

const source = new HandSource()
const services = z.record(z.string(), z.record(z.string(), serviceSchema))
const definition = defineConfig({ name: 'bench', schema: z.object({ services }) })
const config = await definition.load({ sources: [source], logger: false })
const paths = servicePaths(DEPTH)
let revision = 1
/** Makes the next change, until those of a sample have been heard. */
let onHeard = () => {}
config.on('change', () => onHeard())

function change(): void {
  revision++
  const path = `${paths[(revision * 7919) % paths.length]!}/timeoutMs`
  source.sink!.patch({
    revision,
    changes: [{ layer: 0, leaf: { path, value: String(2_000 + revision), revision } }],
  })
}

/** Makes changes while somebody listens; beginning and ending that is not measured. */
function applying(name: string, listen: () => Disposable | undefined): Contender {
  return {
    name,
    async run() {
      using _ = listen()
      const { promise: isOver, resolve } = Promise.withResolvers<void>()
      let left = CHANGES
      onHeard = () => (--left === 0 ? resolve() : change())
      const startedAt = performance.now()
      change()
      await isOver
      return (performance.now() - startedAt) / CHANGES
    },
  }
}

const reader = new PeriodicExportingMetricReader({
  exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
  exportIntervalMillis: 60_000,
})
const meters = new MeterProvider({ readers: [reader] })
const traces = new TracerProvider({})

const timings = await race(
  [
    applying('one applied change, nobody listens', () => undefined),
    applying('… with metrics for prom-client', () => collect(new Registry())),
    applying('… with metrics for OpenTelemetry', () => instrument({ meter: meters.getMeter('bench') })),
    applying('… with metrics and spans for OpenTelemetry', () =>
      instrument({ meter: meters.getMeter('bench'), tracer: traces.getTracer('bench') }),
    ),
  ],
  ROUNDS,
)
await config.close()
await meters.shutdown()

const [bare, prometheus, metrics, spans] = timings
publish({
  bench: 'telemetry',
  method:
    `A configuration of 1,000 leaves with one handler gets one changed leaf after another from a source in the process, ` +
    `which validates, applies and notifies at once: there is no network that hides what telemetry costs. ${CHANGES} changes ` +
    `per sample; each sample begins and ends its own subscription, which is not measured.`,
  timings,
  ratios: [
    { what: 'prom-client against nobody', value: prometheus!.median / bare!.median, aim: 1.2 },
    { what: 'OpenTelemetry, metrics, against nobody', value: metrics!.median / bare!.median, aim: 1.2 },
    { what: 'OpenTelemetry, metrics and spans, against nobody', value: spans!.median / bare!.median },
  ],
})
