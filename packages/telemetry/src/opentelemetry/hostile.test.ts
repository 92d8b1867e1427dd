import { channel } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Meter, Tracer } from '@opentelemetry/api'
import { createNoopMeter } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { instrument } from './instrument.ts'

const unhandled: unknown[] = []
const note = (reason: unknown) => void unhandled.push(reason)
let others: NodeJS.UnhandledRejectionListener[] = []
beforeEach(() => {
  others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', note)
})
afterEach(() => {
  process.removeAllListeners('unhandledRejection')
  for (const other of others) process.on('unhandledRejection', other)
  unhandled.length = 0
})

const rejects = async () => {
  throw new Error('not as its type says')
}
const throws = () => {
  throw new Error('not at all')
}

/** One reload and more calls of a client than are held, one of them failed. */
async function busy(): Promise<void> {
  for (let count = 0; count < 300; count += 1) {
    const call = {
      client: 'orders',
      method: 'KV/Put',
      startedAt: Date.now(),
      endpoint: 'http://a.example:2379',
    }
    channel('tracing:livetree:etcd:call:start').publish(call)
    channel('tracing:livetree:etcd:call:asyncEnd').publish(
      Object.assign(call, { code: count === 0 ? 'unavailable' : 'ok', durationMs: 20 }),
    )
  }
  const reload = { config: 'shop', source: 'etcd', result: 'rejected', revisions: [2], startedAt: Date.now() }
  channel('livetree:reload').publish({ ...reload, durationsMs: { validate: 1, apply: 1 } })
  await sleep(20)
}

const SPANS = ['setAttributes', 'setAttribute', 'setStatus', 'addEvent', 'end'] as const

describe.each([
  ['rejects', rejects],
  ['throws', throws],
])('what %s at the end of telemetry ends no process', (_, fails) => {
  test.each(SPANS)('%s of a span', async (method) => {
    const span = { spanContext: () => ({}), ...Object.fromEntries(SPANS.map((name) => [name, () => span])) }
    const hostile = { ...span, [method]: fails }
    using _telemetry = instrument({ tracer: { startSpan: () => hostile } as unknown as Tracer })
    await busy()
    expect(unhandled).toEqual([])
  })

  test('startSpan', async () => {
    using _telemetry = instrument({ tracer: { startSpan: fails } as unknown as Tracer })
    await busy()
    expect(unhandled).toEqual([])
  })

  test.each([
    ['createHistogram', () => ({ createHistogram: () => ({ record: fails }) })],
    ['createHistogram, which fails itself', () => ({ createHistogram: fails })],
    ['createObservableCounter', () => ({ createObservableCounter: fails })],
    ['createObservableGauge', () => ({ createObservableGauge: fails })],
    ['addBatchObservableCallback', () => ({ addBatchObservableCallback: fails })],
    ['removeBatchObservableCallback', () => ({ removeBatchObservableCallback: fails })],
  ])('a meter: %s', async (_name, parts) => {
    const meter = Object.assign(Object.create(createNoopMeter()) as Meter, parts())
    const telemetry = instrument({ meter })
    await busy()
    telemetry.stop()
    await sleep(5)
    expect(unhandled).toEqual([])
  })
})
