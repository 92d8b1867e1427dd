import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { memory } from '../source/memory.ts'
import { systemClock } from '../clock.ts'
import { createManualSource, type ManualSource } from '../testing/manual-source.ts'
import type { LiveConfig } from '../live-config.ts'
import { live } from '../resource/live-value.ts'
import { LOOPS, UNREADABLE } from '../unreadable.test.kit.ts'
import type { LoadOptions } from '../startup/load-options.ts'

const definition = defineConfig({
  name: 'shop',
  schema: z.object({ a: z.number().default(0), b: z.number().default(0) }),
})
type Config = LiveConfig<{ readonly a: number; readonly b: number }>

/** What a function of a user's may do; `config` is the one it was given to. */
type Misbehaviour = (config: () => Config | undefined) => unknown

const never = () => new Promise<never>(() => {})
const MISBEHAVIOURS: Record<string, Misbehaviour> = {
  'throws an error': () => {
    throw new Error('hostile')
  },
  'throws what has no words': () => {
    throw Object.create(null)
  },
  'throws undefined': () => {
    throw undefined
  },
  ...Object.fromEntries(
    Object.entries(UNREADABLE).flatMap(([name, make]): [string, Misbehaviour][] => [
      [
        `throws ${name}`,
        () => {
          throw make()
        },
      ],
      [`rejects with ${name}`, async () => Promise.reject(make())],
    ]),
  ),
  'rejects at once': () => Promise.reject(new Error('hostile')),
  'rejects later': async () => {
    await new Promise((resolve) => setImmediate(resolve))
    throw new Error('hostile')
  },
  'never settles': never,
  'returns a thenable that throws': () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is the point
    then() {
      throw new Error('hostile')
    },
  }),
  'returns what throws when it is looked at': () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is the point
    get then() {
      throw new Error('hostile')
    },
  }),
  ...LOOPS,
  'returns nonsense': () => Symbol('nonsense'),
  'closes the configuration': (config) => void config()?.close(),
  'closes the configuration and waits for it': (config) => config()?.close(),
}

interface World {
  readonly store: ManualSource
  readonly local: ReturnType<typeof memory>
  /** Behaves well until it is armed. */
  act<R>(good: R): R
  readonly config: () => Config | undefined
}

/** Where a user's function can stand: what is added to `load`, and what is done once loaded. */
interface Place {
  options?(world: World): LoadOptions
  use?(config: Config, world: World): unknown
  /** What makes it run, apart from the changes every case makes. */
  provoke?(config: Config, world: World): unknown
}

const say = () => {}
const everyLevel = (method: () => unknown) =>
  ({ debug: method, info: method, warn: method, error: method }) as never
const PLACES: Record<string, Place> = {
  logger: { options: ({ act }) => ({ logger: everyLevel(() => act(undefined)) }) },
  'logger that prints objects first': {
    options: ({ act }) => ({
      logger: {
        ...(everyLevel(() => act(undefined)) as object),
        child: say,
        fatal: say,
        trace: say,
      } as never,
    }),
  },
  "listener of 'change'": { use: (config, { act }) => config.on('change', () => act(undefined)) },
  "listener of 'rejected'": {
    use: (config, { act }) => config.on('rejected', () => act(undefined)),
    provoke: async (config, { store }) => {
      store.patch(50, { a: 'wrong' })
      store.patch(51, { a: 1 })
      await config.refresh().catch(() => {})
    },
  },
  "listener of 'error'": {
    use: (config, { act }) => {
      config.on('error', () => act(undefined))
      config.on('change', () => {
        throw new Error('to be told by error')
      })
    },
  },
  "listener of 'stale' and 'live'": {
    use: (config, { act }) => {
      config.on('stale', () => act(undefined))
      config.on('live', () => act(undefined))
    },
    provoke: (_config, { store }) => store.sink.lost({ error: new Error('gone'), isFinal: true }),
  },
  "once('change')": { use: (config, { act }) => config.once('change', () => act(undefined)) },
  'watch handler': {
    use: (config, { act }) =>
      config.watch(
        (c) => c.a,
        () => act(undefined),
      ),
  },
  'watch handler, called at once': {
    use: (config, { act }) =>
      config.watch(
        (c) => c.a,
        () => act(undefined),
        { immediate: true },
      ),
  },
  'watch selector': { use: (config, { act }) => config.watch((c) => act(c.a), say) },
  'watch isEqual': {
    use: (config, { act }) => config.watch((c) => c.a, say, { isEqual: (x, y) => act(x === y) }),
  },
  'resource selector': {
    use: (config, { act }) => config.resource((c) => act(c.a), { create: (a) => a, drainMs: 20 }),
  },
  'resource create': {
    use: (config, { act }) => config.resource((c) => c.a, { create: (a) => act(a), drainMs: 20 }),
  },
  'resource check': {
    use: (config, { act }) =>
      config.resource((c) => c.a, { create: (a) => a, check: () => act(true), drainMs: 20 }),
  },
  'resource dispose': {
    use: (config, { act }) =>
      config.resource((c) => c.a, { create: (a) => a, dispose: () => act(undefined), drainMs: 20 }),
  },
  'resource isEqual': {
    use: (config, { act }) =>
      config.resource((c) => c.a, { create: async (a) => a, isEqual: (x, y) => act(x === y), drainMs: 20 }),
  },
  'live selector': {
    use: (config, { act }) =>
      live(
        config,
        (c) => act(c.a),
        (a) => a,
      ),
  },
  'live factory': {
    use: (config, { act }) =>
      live(
        config,
        (c) => c.a,
        (a) => act(a),
      ),
  },
  'live isEqual': {
    use: (config, { act }) =>
      live(
        config,
        (c) => c.a,
        (a) => a,
        { isEqual: (x, y) => act(x === y) },
      ),
  },
  'live dispose': {
    use: (config, { act }) =>
      live(
        config,
        (c) => c.a,
        (a) => a,
        { dispose: () => act(undefined) },
      ),
  },
  'clock now': { options: ({ act }) => ({ clock: { ...systemClock, now: () => act(Date.now()) } }) },
  'clock setTimeout': {
    options: ({ act }) => ({
      clock: { ...systemClock, setTimeout: (run, ms) => act(systemClock.setTimeout(run, ms)) },
    }),
  },
  'clock clearTimeout': {
    options: ({ act }) => ({
      clock: { ...systemClock, clearTimeout: (timer) => act(systemClock.clearTimeout(timer)) },
    }),
  },
  'source refresh': {
    options: ({ act }) => ({
      sources: [createManualSource({ name: 'own', isRemote: false, refresh: () => act(Promise.resolve()) })],
    }),
    provoke: (config) => config.refresh({ timeoutMs: 20 }).catch(() => {}),
  },
}

const unhandled: unknown[] = []
const note = (reason: unknown) => unhandled.push(reason)
beforeEach(() => {
  process.on('unhandledRejection', note)
})
const open: Config[] = []
afterEach(async () => {
  for (const config of open.splice(0)) await config.close()
  await new Promise((resolve) => setTimeout(resolve, 5))
  process.off('unhandledRejection', note)
  expect(unhandled.splice(0)).toEqual([])
})

describe.each(Object.entries(PLACES))('user code as %s', (_place, { options, use, provoke }) => {
  it.each(Object.entries(MISBEHAVIOURS))('that %s hurts nobody else', async (_name, misbehaviour) => {
    let isArmed = false
    let config: Config | undefined
    const world: World = {
      store: createManualSource({ name: 'etcd' }),
      local: memory({}),
      act: <R>(good: R) => (isArmed ? (misbehaviour(() => config) as R) : good),
      config: () => config,
    }
    const { sources = [], ...more } = options?.(world) ?? {}
    const loading = definition.load({
      sources: [...sources, world.store, world.local],
      logger: false,
      ...more,
    })
    world.store.replace(1, { a: 1 })
    for (const source of sources as readonly ManualSource[]) source.replace(1, {})
    config = (await loading) as Config
    open.push(config)
    const { local, store } = world

    // somebody else, in the same configuration
    const notified: number[] = []
    await use?.(config, world)
    config.watch(
      (c) => c.b,
      (b) => void notified.push(b),
    )
    isArmed = true
    const isClosing = () => config!.status.state === 'closed'
    await provoke?.(config, world)
    // what the program puts in is in service when set returns, and throws nothing into it
    local.set({ b: 1 })
    if (!isClosing()) expect(config.current.b).toBe(1)
    if (store.isOpen) store.replace(60, { a: 2 })
    local.set({ b: 2 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    local.set({ b: 3 })
    if (store.isOpen) store.patch(61, { a: 3 })
    // updates of a store give way to other work
    while (!isClosing() && config.current.a !== 3) await new Promise((resolve) => setImmediate(resolve))
    if (!isClosing()) {
      expect(config.current).toEqual({ a: 3, b: 3 })
      expect(notified).toEqual([1, 2, 3])
    }
    const started = performance.now()
    await config.close()
    // nothing is waited for but what has a bound of its own
    expect(performance.now() - started).toBeLessThan(6_000)
  })
})
