import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import {
  type ChangeEvent,
  type ConfigOf,
  createTestConfig,
  defineConfig,
  type LiveConfig,
  live,
  type ReadonlyDate,
  secret,
} from './index.ts'

const checkout = defineConfig({
  name: 'checkout',
  schema: z.object({
    http: z.object({ port: z.number().default(3000) }),
    db: z.object({ url: secret(z.url()), pool: z.object({ max: z.number() }) }),
    features: z.record(z.string(), z.boolean()),
    since: z.codec(z.string(), z.date(), {
      decode: (text) => new Date(text),
      encode: (date) => date.toISOString(),
    }),
    mode: z.enum(['fast', 'safe']).optional(),
  }),
})

test('load gives the output of the schema', async () => {
  const config = await checkout.load()
  expectTypeOf(config).toEqualTypeOf<LiveConfig<ConfigOf<typeof checkout>>>()
  expectTypeOf(config.current.http.port).toEqualTypeOf<number>()
  expectTypeOf(config.current.db.url).toEqualTypeOf<string>()
  expectTypeOf(config.current.features).toEqualTypeOf<Readonly<Record<string, boolean>>>()
  expectTypeOf(config.current.since).toEqualTypeOf<ReadonlyDate>()
  expectTypeOf(config.current.mode).toEqualTypeOf<'fast' | 'safe' | undefined>()
  // @ts-expect-error no such property
  config.current.nothing
})

test('mini schemas infer as well', async () => {
  const schema = mini.object({ port: mini.number(), tag: mini.optional(mini.string()) })
  const config = await defineConfig({ name: 'mini', schema }).load()
  expectTypeOf(config.current).toEqualTypeOf<{ readonly port: number; readonly tag?: string | undefined }>()
})

test('watch infers next and previous from the selector', async () => {
  const config = await checkout.load()
  type Value = ConfigOf<typeof checkout>
  config.watch(
    (value) => value.db.pool,
    (next, previous, change) => {
      expectTypeOf(next).toEqualTypeOf<{ readonly max: number }>()
      expectTypeOf(previous).toEqualTypeOf<{ readonly max: number }>()
      expectTypeOf(change).toEqualTypeOf<ChangeEvent<Value>>()
      expectTypeOf(change.next.http.port).toEqualTypeOf<number>()
    },
  )
  config.watch(
    (value) => value.db.pool.max,
    (next, previous, change) => {
      expectTypeOf(next).toEqualTypeOf<number>()
      expectTypeOf(previous).toEqualTypeOf<number | undefined>()
      expectTypeOf(change).toEqualTypeOf<ChangeEvent<Value> | undefined>()
    },
    { immediate: true },
  )
})

test('events carry their own types', async () => {
  const config = await checkout.load()
  config.on('change', ({ revision, changes, next }) => {
    expectTypeOf(revision).toEqualTypeOf<number>()
    expectTypeOf(changes[0]!.pathText).toEqualTypeOf<string>()
    expectTypeOf(next.db.pool.max).toEqualTypeOf<number>()
  })
  config.on('rejected', ({ issues }) => expectTypeOf(issues[0]!.received).toEqualTypeOf<string | undefined>())
  config.once('stale', ({ reason }) => expectTypeOf(reason).toEqualTypeOf<string>())
  // @ts-expect-error no such event
  config.on('changed', () => {})
})

test('resources and live values infer what they are made from and into', async () => {
  const config = await checkout.load()
  const pool = await config.resource((value) => value.db, {
    create: (db, { signal }) => {
      expectTypeOf(db).toEqualTypeOf<{ readonly url: string; readonly pool: { readonly max: number } }>()
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
      return { query: async (text: string) => text.length }
    },
    dispose: (old) => expectTypeOf(old.query).toBeFunction(),
  })
  expectTypeOf(await pool.use((value) => value.query('select 1'))).toEqualTypeOf<number>()
  const limiter = live(
    config,
    (value) => value.http.port,
    (port) => ({ port }),
  )
  expectTypeOf(limiter.current).toEqualTypeOf<{ port: number }>()
  expectTypeOf(config.pinned().http.port).toEqualTypeOf<number>()
  expectTypeOf(config.runPinned(() => 1)).toEqualTypeOf<number>()
  for await (const change of config) expectTypeOf(change.next.http.port).toEqualTypeOf<number>()
})

test('a test configuration takes parts of the input', async () => {
  const config = await createTestConfig(checkout, { db: { pool: { max: 5 } }, since: '2024-01-01' })
  config.set({ http: { port: 1 }, features: { search: true } })
  expectTypeOf(config.current.since).toEqualTypeOf<ReadonlyDate>()
  // @ts-expect-error not what the schema takes
  config.set({ http: { port: 'eighty' } })
})
