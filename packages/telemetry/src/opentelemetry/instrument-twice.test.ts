import { metrics, trace } from '@opentelemetry/api'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { InstrumentOptions } from './instrument.ts'

let modules = 0

/** An `instrument` that has warned of nothing: files of tests share their modules. */
async function fresh(): Promise<typeof import('./instrument.ts')> {
  const path = `./instrument.ts?${++modules}`
  return import(path)
}

/** The codes of warnings, and what starts telemetry until the test ends. */
async function watched() {
  const { instrument } = await fresh()
  const warn = vi.spyOn(process, 'emitWarning').mockReturnValue(undefined)
  onTestFinished(() => warn.mockRestore())
  const start = (options: InstrumentOptions) => {
    const telemetry = instrument(options)
    onTestFinished(() => telemetry.stop())
    return telemetry
  }
  const codes = () => warn.mock.calls.map(([, options]) => (options as { code?: string }).code)
  return { codes, start }
}

test('one meter and one tracer at a time are no reason to warn', async () => {
  const { codes, start } = await watched()
  const provider = new MeterProvider()
  start({ meter: provider.getMeter('a') }).stop()
  const second = start({ meter: provider.getMeter('b') })
  start({ tracer: trace.getTracer('livetree') }).stop()
  start({ tracer: trace.getTracer('livetree') })
  second.stop()
  start({ meter: provider.getMeter('a') })
  expect(codes()).toEqual([])
})

test('a second one of an SDK, which is another object, is warned of once in a process', async () => {
  const { codes, start } = await watched()
  // Before an SDK is registered, each call gives another object for the same tracer.
  expect(trace.getTracer('livetree')).not.toBe(trace.getTracer('livetree'))
  start({ tracer: trace.getTracer('livetree') })
  start({ tracer: trace.getTracer('livetree') })
  expect(codes()).toEqual(['LIVETREE_TELEMETRY_TWICE'])
  const provider = new MeterProvider()
  start({ meter: provider.getMeter('a') })
  start({ meter: provider.getMeter('b') })
  start({ tracer: trace.getTracer('livetree') })
  expect(codes()).toEqual(['LIVETREE_TELEMETRY_TWICE'])
})

test('a meter that was made before there is an SDK is warned of once in a process', async () => {
  const { codes, start } = await watched()
  vi.stubEnv('OTEL_SDK_DISABLED', 'true')
  onTestFinished(() => void vi.unstubAllEnvs())
  start({ meter: metrics.getMeter('livetree') }).stop()
  expect(codes()).toEqual([])
  vi.unstubAllEnvs()
  start({ meter: metrics.getMeter('livetree') }).stop()
  start({ meter: metrics.getMeter('livetree') })
  expect(codes()).toEqual(['LIVETREE_TELEMETRY_NO_SDK'])
})
