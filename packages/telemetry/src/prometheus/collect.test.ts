import { channel } from 'node:diagnostics_channel'
import { createTestConfig, defineConfig, memory, type TestConfig } from '@livetree/core'
import { type CallMessage, createEtcdClient } from '@livetree/etcd'
import { Registry } from 'prom-client'
import { afterEach, describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { METRICS } from '../metrics.ts'
import type { Telemetry } from '../telemetry.ts'
import { collect } from './collect.ts'

const schema = z.object({ a: z.number().default(0) })
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function started(register = new Registry()) {
  const telemetry: Telemetry = collect(register, { appVersion: '1.2.3' })
  closing.push(() => telemetry.stop())
  return { register, telemetry }
}

async function loaded(name: string): Promise<TestConfig<{ readonly a: number }, { a?: number }>> {
  const config = await createTestConfig(defineConfig({ name, schema }), {}, { logger: false })
  closing.push(() => config.close())
  return config
}

/** The lines of one metric, without its name and without those of what other files of tests have left open. */
async function linesOf(register: Registry, name: keyof typeof METRICS): Promise<readonly string[]> {
  const text = await register.getSingleMetricAsString(name)
  const lines = text.split('\n').filter((line) => /"(telemetry-\d|orders)"/.test(line))
  return lines.map((line) => line.replace(name, ''))
}

function call(part: Partial<CallMessage>): CallMessage {
  const none = {
    endpoint: 'http://a:1',
    store: undefined,
    wrote: undefined,
    code: 'ok',
    durationMs: 20,
    startedAt: Date.now(),
  } as const
  return { client: 'orders', method: 'KV/Put', ...none, ...part }
}

describe('collect', () => {
  test('shows a configuration that was loaded before, and follows it', async () => {
    const config = await loaded('telemetry-1')
    const { register } = started()
    const successful = () => linesOf(register, 'livetree_config_last_reload_successful')
    expect(await successful()).toEqual(['{config="telemetry-1"} 1'])
    expect(await linesOf(register, 'livetree_config_reloads_total')).toEqual(
      ['applied', 'unchanged', 'rejected'].map((result) => `{config="telemetry-1",result="${result}"} 0`),
    )
    const [line] = await linesOf(register, 'livetree_config_last_reload_success_timestamp_seconds')
    expect(Number(line?.split(' ')[1])).toBeCloseTo((config.status.acceptedAt ?? 0) / 1_000, 3)
    const [info] = await linesOf(register, 'livetree_config_info')
    expect(info).toMatch(/^\{config="telemetry-1",schema="[0-9a-f]+",version="1\.2\.3"\} 1$/)

    config.set({ a: 1 })
    config.reject({ a: 'x' })
    expect(await successful()).toEqual(['{config="telemetry-1"} 0'])
    config.heal()
    config.disconnect()
    expect(await linesOf(register, 'livetree_config_stale')).toEqual(['{config="telemetry-1"} 1'])
    const counts = await linesOf(register, 'livetree_config_reloads_total')
    expect(counts.map((each) => each.split(' ')[1])).toEqual(['1', '1', '1'])
    expect(await linesOf(register, 'livetree_config_reloads_total')).toEqual(counts)
    const durations = await linesOf(register, 'livetree_config_reload_duration_seconds')
    expect(durations.filter((each) => each.startsWith('_count'))).toEqual([
      '_count{config="telemetry-1",phase="validate"} 3',
      '_count{config="telemetry-1",phase="apply"} 3',
    ])
    await config.close()
    expect(await successful()).toEqual([])
  })

  test('tells configurations apart, and combines those of one name', async () => {
    const { register } = started()
    const [one, other] = [await loaded('telemetry-2'), await loaded('telemetry-2')]
    await loaded('telemetry-3')
    const successful = () => linesOf(register, 'livetree_config_last_reload_successful')
    other.reject({ a: 'x' })
    expect(await successful()).toEqual(['{config="telemetry-2"} 0', '{config="telemetry-3"} 1'])
    other.heal()
    one.reject({ a: 'x' })
    expect(await successful()).toEqual(['{config="telemetry-2"} 0', '{config="telemetry-3"} 1'])
  })

  test('counts swaps and drains of resources', async () => {
    const { register } = started()
    const config = await loaded('telemetry-4')
    const resource = await config.resource((c) => c.a, {
      create(a) {
        if (a === 2) throw new Error('no')
        return { a }
      },
    })
    config.on('error', () => {})
    config.set({ a: 1 })
    await vi.waitFor(() => expect(resource.current).toEqual({ a: 1 }))
    config.set({ a: 2 })
    await vi.waitFor(() => expect(resource.status.state).toBe('failed'))
    expect(await linesOf(register, 'livetree_resource_swaps_total')).toEqual([
      '{config="telemetry-4",result="swapped"} 2',
      '{config="telemetry-4",result="failed"} 1',
    ])
    expect(await linesOf(register, 'livetree_resource_drains_total')).toEqual([
      '{config="telemetry-4",result="drained"} 1',
      '{config="telemetry-4",result="overdue"} 0',
    ])
  })

  test('counts what a client publishes', async () => {
    const { register } = started()
    const ended = channel('tracing:livetree:etcd:call:asyncEnd')
    ended.publish(call({}))
    ended.publish(call({ code: 'permission_denied', method: 'KV/Range' }))
    channel('livetree:etcd:retry').publish({ client: 'orders', method: 'KV/Put', code: 'unavailable' })
    channel('livetree:etcd:watch').publish({ client: 'orders', endpoint: 'http://a:1', reason: 'silent' })
    channel('livetree:etcd:lease').publish({ client: 'orders', result: 'renewed', code: undefined })
    const shown = await Promise.all(
      (
        [
          'livetree_client_calls_total',
          'livetree_client_retries_total',
          'livetree_watch_restarts_total',
          'livetree_lease_renewals_total',
        ] as const
      ).map((name) => linesOf(register, name)),
    )
    expect(shown).toEqual([
      [
        '{client="orders",method="KV/Put",code="ok"} 1',
        '{client="orders",method="KV/Range",code="permission_denied"} 1',
      ],
      ['{client="orders",method="KV/Put",code="unavailable"} 1'],
      METRICS.livetree_watch_restarts_total.values.map(
        (reason) => `{client="orders",reason="${reason}"} ${Number(reason === 'silent')}`,
      ),
      METRICS.livetree_lease_renewals_total.values.map(
        (result) => `{client="orders",result="${result}"} ${Number(result === 'renewed')}`,
      ),
    ])
    const durations = await linesOf(register, 'livetree_client_call_duration_seconds')
    expect(durations).toContain('_sum{client="orders",method="KV/Put"} 0.02')
  })

  test('leaves nothing behind when it is stopped, and stops once', async () => {
    const names = [
      'livetree:reload',
      'livetree:ready',
      'livetree:etcd:retry',
      'tracing:livetree:etcd:call:start',
    ]
    const before = names.map((name) => channel(name).hasSubscribers)
    const { register, telemetry } = started()
    expect(names.every((name) => channel(name).hasSubscribers)).toBe(true)
    expect(
      register
        .getMetricsAsArray()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(Object.keys(METRICS).sort())
    telemetry.stop()
    expect(names.map((name) => channel(name).hasSubscribers)).toEqual(before)
    expect(register.getMetricsAsArray()).toEqual([])
    const again = collect(register)
    telemetry.stop()
    telemetry[Symbol.dispose]()
    expect(register.getMetricsAsArray()).not.toEqual([])
    again.stop()
  })

  test('shows what a client may lose at zero before it is lost', async () => {
    const { register } = started()
    const client = createEtcdClient({ endpoints: 'http://127.0.0.1:1', clientName: 'orders' })
    closing.push(() => client.close())
    expect(await linesOf(register, 'livetree_lease_renewals_total')).toEqual(
      ['renewed', 'failed', 'lost', 'expired'].map((result) => `{client="orders",result="${result}"} 0`),
    )
  })

  test('takes out only its own metrics, also of a registry that was emptied', async () => {
    const { register, telemetry } = started()
    register.clear()
    const { telemetry: second } = started(register)
    telemetry.stop()
    expect(register.getMetricsAsArray()).toHaveLength(Object.keys(METRICS).length)
    second.stop()
    expect(register.getMetricsAsArray()).toEqual([])
  })

  test('shows counters at zero, also after a reset of the registry', async () => {
    const { register } = started()
    const config = await loaded('telemetry-7')
    config.set({ a: 1 })
    register.resetMetrics()
    expect(await linesOf(register, 'livetree_config_reloads_total')).toEqual(
      ['applied', 'unchanged', 'rejected'].map((result) => `{config="telemetry-7",result="${result}"} 0`),
    )
    expect(await linesOf(register, 'livetree_resource_swaps_total')).toHaveLength(2)
    expect(await linesOf(register, 'livetree_client_calls_total')).toEqual([])
  })

  test('hurts nobody where the registry fails', async () => {
    const { register } = started()
    const config = await loaded('telemetry-5')
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    closing.push(() => warned.mockRestore())
    for (const name of ['livetree_config_reloads_total', 'livetree_config_revision'] as const) {
      const metric = register.getSingleMetric(name) as unknown as Record<string, unknown>
      for (const method of ['inc', 'set', 'reset'])
        metric[method] = () => {
          throw new Error('full')
        }
    }
    expect(config.set({ a: 1 })).toBeDefined()
    expect(await register.metrics()).toContain('livetree_config_stale{config="telemetry-5"} 0')
  })

  test.each([
    ['no registry', {}, {}, 'collect() needs a registry of prom-client'],
    [
      'a version that is none',
      new Registry(),
      { appVersion: 7 },
      'collect() got appVersion = 7; expected a text of at most 100 characters',
    ],
    ['an unknown option', new Registry(), { appversion: '7' }, 'Did you mean "appVersion"?'],
    ['what are no options', new Registry(), null, 'collect() got null; expected an object of options'],
  ])('refuses %s', (_, register, options, message) => {
    expect(() => collect(register as Registry, options as unknown as object)).toThrow(message)
  })

  test('leaves nothing in a registry that takes only some of the metrics', () => {
    const register = new Registry()
    const take = register.registerMetric.bind(register)
    register.registerMetric = (metric) => {
      if (register.getMetricsAsArray().length === 7) throw new Error('full')
      take(metric)
    }
    expect(() => collect(register)).toThrow('full')
    expect(register.getMetricsAsArray()).toEqual([])
  })

  test('refuses a registry that it shows its metrics in already, and leaves those', async () => {
    const { register } = started()
    expect(() => collect(register)).toThrow('Stop the other collect() first')
    expect(register.getMetricsAsArray()).toHaveLength(Object.keys(METRICS).length)
  })

  test('shows nothing that is a key or a value', async () => {
    const { register } = started()
    const source = memory({ a: 1, 'hidden-key': 'hidden-value' })
    const config = await defineConfig({ name: 'telemetry-6', schema }).load({
      sources: [source],
      logger: false,
    })
    closing.push(() => config.close())
    source.set({ a: 'hidden-value' })
    expect(await register.metrics()).not.toContain('hidden')
  })
})
