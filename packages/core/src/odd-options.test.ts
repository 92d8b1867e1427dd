import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createTestConfig } from './testing/create-test-config.ts'
import { defineConfig } from './define-config.ts'
import { LivetreeError } from './errors.ts'
import type { LiveConfig } from './live-config.ts'
import { env } from './source/env.ts'
import { file } from './source/file.ts'
import { memory } from './source/memory.ts'
import { live } from './resource/live-value.ts'

const definition = defineConfig({ name: 'odd', schema: z.object({ a: z.number().default(1) }) })
type Odd = LiveConfig<{ readonly a: number }>

/** Each call that takes options, with anything in their place. */
const calls: Readonly<Record<string, (config: Odd, options: never) => unknown>> = {
  resource: (config, options) => config.resource(({ a }) => a, options),
  live: (config, options) =>
    live(
      config,
      ({ a }) => a,
      (a) => a,
      options,
    ),
  watch: (config, options) =>
    config.watch(
      ({ a }) => a,
      () => {},
      options,
    ),
  changed: (config, options) => config.changed(options),
  refresh: (config, options) => config.refresh(options),
  load: (_config, options) => definition.load(options),
  file: (_config, options) => file('odd.yaml', options),
  env: (_config, options) => env(options),
  memory: (_config, options) => memory({}, options),
}

describe.each(Object.keys(calls))('%s() refuses what is no object of options', (name) => {
  test.each([['text'], [5], [true], [[1, 2]], [() => {}], [null]])('%j', async (options) => {
    await using config = await createTestConfig(definition, {})
    const outcome = await Promise.resolve()
      .then(() => calls[name]!(config, options as never))
      .catch((error: unknown) => error)
    expect(outcome).toBeInstanceOf(LivetreeError)
    expect(outcome).toMatchObject({ code: 'invalid_options' })
  })
})

test('resource() without options says what they have to be', async () => {
  await using config = await createTestConfig(definition, {})
  await expect(config.resource(({ a }) => a, undefined as never)).rejects.toThrow(
    '[invalid_options] resource() got no options; expected options with create().',
  )
})

const OPTIONS_OF: Readonly<Record<string, readonly string[]>> = {
  resource: ['name', 'create', 'check', 'dispose', 'drainMs', 'isEqual'],
  live: ['name', 'dispose', 'isEqual'],
  watch: ['immediate', 'isEqual'],
  changed: ['after', 'timeoutMs', 'signal'],
  refresh: ['timeoutMs', 'signal'],
  load: ['sources', 'startup', 'snapshot', 'logger', 'clock', 'staleAfterMs', 'maxStalenessMs', 'signal'],
  file: ['name'],
  env: ['prefix', 'dotenv', 'name'],
  memory: ['name'],
}

const NEEDED: Readonly<Record<string, object>> = { resource: { create: () => 1 }, env: { prefix: 'ODD_' } }

describe.each(Object.keys(calls))('%s() refuses a promise by name, whose rejection ends nothing', (name) => {
  test.each([['the options'], ...OPTIONS_OF[name]!.map((option) => [option])])('as %s', async (option) => {
    const unhandled: unknown[] = []
    const collect = (reason: unknown) => void unhandled.push(reason)
    process.on('unhandledRejection', collect)
    await using config = await createTestConfig(definition, {})
    const promise = Promise.reject(new Error('unseen'))
    const options = option === 'the options' ? promise : { ...NEEDED[name], [option]: promise }
    const outcome = await Promise.resolve()
      .then(() => calls[name]!(config, options as never))
      .catch((error: unknown) => error)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', collect)
    expect(outcome).toMatchObject({ code: 'invalid_options', message: expect.stringContaining('promise') })
    expect(unhandled).toEqual([])
  })
})

test.each<[string, (config: Odd, promise: never) => unknown]>([
  [
    'a nested option of load()',
    (_config, promise) => definition.load({ sources: [memory()], startup: { timeoutMs: promise } }),
  ],
  [
    'the key of a snapshot',
    (_config, promise) => definition.load({ sources: [memory()], snapshot: { path: 'a', key: promise } }),
  ],
  ['createTestConfig()', (_config, promise) => createTestConfig(promise)],
  ['values of createTestConfig()', (_config, promise) => createTestConfig(definition, promise)],
  [
    'live()',
    (_config, promise) =>
      live(
        promise,
        () => 1,
        () => 1,
      ),
  ],
  ['selector of live()', (config, promise) => live(config, promise, () => 1)],
  ['attachLogger()', (config, promise) => config.attachLogger(promise)],
  ['watch()', (config, promise) => config.watch(promise, () => {})],
  ['handler of watch()', (config, promise) => config.watch(() => 1, promise)],
  ['on()', (config, promise) => config.on('change', promise)],
  ['memory()', (_config, promise) => memory(promise)],
  ['file()', (_config, promise) => file(promise)],
  ['defineConfig()', (_config, promise) => defineConfig(promise)],
  ['schema of defineConfig()', (_config, promise) => defineConfig({ name: 'a', schema: promise })],
])('%s refuses a promise, whose rejection ends nothing', async (_call, call) => {
  const unhandled: unknown[] = []
  const collect = (reason: unknown) => void unhandled.push(reason)
  process.on('unhandledRejection', collect)
  await using config = await createTestConfig(definition, {})
  const outcome = await Promise.resolve()
    .then(() => call(config, Promise.reject(new Error('unseen')) as never))
    .catch((error: unknown) => error)
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', collect)
  expect(outcome).toBeInstanceOf(LivetreeError)
  expect(unhandled).toEqual([])
})

test.each([[undefined], [null], [5], [{}], [() => {}], [Symbol('a')], [[{}]], [Promise.resolve('a')]])(
  'explain() refuses what is no path: %s',
  async (path) => {
    await using config = await createTestConfig(definition, {})
    expect(() => config.explain(path as never)).toThrow(
      /^\[invalid_options\] explain\(\) got .*; expected a path/,
    )
    expect(config.explain('a').value).toBe(1)
    expect(config.explain(['a']).value).toBe(1)
  },
)

describe('what cannot be looked at, or called, is refused by name', () => {
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy as never
  }

  test('a revoked Proxy as logger', async () => {
    const loading = definition.load({ sources: [memory({})], logger: revoked() })
    await expect(loading).rejects.toThrow(/^\[invalid_options\] load\(\) got logger = an object; expected/)
  })

  test.each([[5], [undefined], ['text'], [{}]])('%j in the place of the work of a pin', async (work) => {
    await using config = await createTestConfig(definition)
    expect(() => config.runPinned(work as never)).toThrow(
      /^\[invalid_options\] runPinned\(\) got .*a function/,
    )
    expect(() => config.runUnpinned(work as never)).toThrow(/^\[invalid_options\] runUnpinned\(\) got/)
  })
})
