import { metrics, trace } from '@opentelemetry/api'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { expect, onTestFinished, test, vi } from 'vitest'
import { instrument, type InstrumentOptions } from './instrument.ts'

/** The codes of warnings, and what starts telemetry until the test ends. */
function watched() {
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

test('one meter and one tracer at a time are no reason to warn', () => {
  const { codes, start } = watched()
  const provider = new MeterProvider()
  start({ meter: provider.getMeter('a') }).stop()
  const second = start({ meter: provider.getMeter('b') })
  start({ tracer: trace.getTracer('livetree') }).stop()
  start({ tracer: trace.getTracer('livetree') })
  second.stop()
  start({ meter: provider.getMeter('a') })
  expect(codes()).toEqual([])
})

test('a second one of an SDK, which is another object, is warned of once in a process', () => {
  const { codes, start } = watched()
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

test('a meter that was made before there is an SDK is warned of once in a process', () => {
  const { codes, start } = watched()
  vi.stubEnv('OTEL_SDK_DISABLED', 'true')
  onTestFinished(() => void vi.unstubAllEnvs())
  start({ meter: metrics.getMeter('livetree') }).stop()
  expect(codes()).toEqual([])
  vi.unstubAllEnvs()
  start({ meter: metrics.getMeter('livetree') }).stop()
  start({ meter: metrics.getMeter('livetree') })
  expect(codes()).toEqual(['LIVETREE_TELEMETRY_NO_SDK'])
})
