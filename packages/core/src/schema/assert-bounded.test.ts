import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { LivetreeError } from '../errors.ts'
import { memory } from '../source/memory.ts'

/** Each level uses the one below twice, so that the innermost is in 2 ** count places. */
function levels(count: number, level: (below: z.ZodType) => z.ZodType): z.ZodType {
  return count === 0 ? z.object({ v: z.string().default('x') }) : level(levels(count - 1, level))
}

const load = (schema: z.ZodType) =>
  defineConfig({ name: 'x', schema: z.object({ top: schema }) }).load({
    sources: [memory({ top: {} })],
    logger: false,
  })

const empty = (): never => ({}) as never
const growing: Readonly<Record<string, (below: z.ZodType) => z.ZodType>> = {
  objects: (below) => z.object({ l: below, r: below }),
  'objects that are readonly': (below) => z.object({ l: below.readonly(), r: below.readonly() }),
  'objects with a refinement': (below) => z.object({ l: below, r: below }).refine(() => true),
  transforms: (below) => z.object({ l: below.transform((value) => value), r: below }),
  prefaults: (below) => z.object({ l: below.prefault(empty), r: below.prefault(empty) }),
  'optional parts that require the one below twice': (below) =>
    z.object({ a: z.object({ l: below, r: below }).optional(), l: below, r: below }),
  'intersections with themselves': (below) => below.and(below),
  'unions of the same': (below) => z.union([below, below]),
  'what preprocess makes of nothing': (below) => {
    const made = z.preprocess((given) => given ?? {}, below)
    return z.object({ l: made, r: made })
  },
  'a list that preprocess makes of nothing': (below) =>
    z.object({ l: z.preprocess((given) => given ?? [{}, {}], z.array(below)) }),
  'a transform of what is optional, into a schema': (below) => {
    const made = z
      .unknown()
      .optional()
      .transform((given) => given ?? {})
      .pipe(below as z.ZodType<unknown, object>)
    return z.object({ l: made, r: made })
  },
  'a list that a transform makes': (below) =>
    z.object({
      l: z
        .string()
        .default('{},{}')
        .transform((text) => text.split(',').map(() => ({})))
        .pipe(z.array(below as z.ZodType<unknown, object>)),
    }),
  'prefault, at a list': (below) => z.object({ l: z.array(below).prefault([{}, {}]) }),
  'prefault, at a set': (below) => z.object({ l: z.set(below).prefault(new Set([{}, { v: 'y' }])) }),
  'prefault, at a tuple': (below) =>
    z.object({ l: z.tuple([below], below).prefault(() => [{}, {}] as never) }),
  'prefault, at a record': (below) => z.object({ l: z.record(z.string(), below).prefault({ a: {}, b: {} }) }),
  'prefault, at a map': (below) =>
    z.object({
      l: z.map(z.string(), below).prefault(
        new Map([
          ['a', {}],
          ['b', {}],
        ]),
      ),
    }),
  'prefault, at a list inside': (below) =>
    z.object({ a: z.object({ l: z.array(below) }).prefault({ l: [{}, {}] }) }),
  'prefault, at a list behind preprocess': (below) =>
    z.object({ l: z.preprocess((given) => given, z.array(below)).prefault([{}, {}]) }),
  'prefault, at lists in lists': (below) => z.object({ l: z.array(z.array(below)).prefault([[{}], [{}]]) }),
  'prefault, in optional, nullable, readonly and lazy': (below) => {
    const list = z.array(below).prefault([{}, {}])
    return z.object({ l: z.lazy(() => list.nullable().readonly().optional()) })
  },
  'prefault, in a union': (below) => z.object({ l: z.string().or(z.array(below).prefault([{}, {}])) }),
}

describe.each(Object.entries(growing))('assertBounded: %s', (_name, level) => {
  test('40 levels that share the one below are refused, with the place', async () => {
    const loading = load(levels(40, level))
    await expect(loading).rejects.toThrow(LivetreeError)
    await expect(loading).rejects.toMatchObject({
      code: 'invalid_schema',
      message: expect.stringMatching(
        /The schema at "top.* has more than 100,000 parts in every value/,
      ) as string,
    })
  })

  test('8 levels are as good as any', async () => {
    await (await load(levels(8, level))).close()
  })
})

const bounded: Readonly<Record<string, (below: z.ZodType) => z.ZodType>> = {
  'optional parts': (below) => z.object({ l: below.optional(), r: below.nullish() }),
  defaults: (below) => z.object({ l: below.default(empty), r: below.default(empty) }),
  'what is caught': (below) => z.object({ l: below.catch(empty), r: below.catch(empty) }),
  lists: (below) => z.object({ l: z.array(below).default([]), r: z.array(below).default([]) }),
  records: (below) => z.object({ l: z.record(z.string(), below), r: z.map(z.string(), below) }),
  'optional unions': (below) => z.object({ l: z.union([below, z.number()]).optional(), r: below.optional() }),
  'a catchall': (below) => z.object({ l: below.optional() }).catchall(below),
  'optional preprocess': (below) => {
    const made = z.preprocess((given) => given ?? {}, below).optional()
    return z.object({ l: made, r: made })
  },
  'text that is parsed': (below) => {
    const parsed = z
      .string()
      .transform((text): unknown => JSON.parse(text))
      .pipe(below)
    return z.object({ l: parsed.optional(), r: parsed.optional() })
  },
  'prefaults that are empty': (below) =>
    z.object({ l: z.array(below).prefault([]), r: z.record(z.string(), below).prefault({}) }),
  'prefaults of one item': (below) => z.object({ l: z.array(below).prefault([{}]) }),
}

test.each(Object.entries(bounded))('assertBounded: 40 levels of %s are taken', async (_name, level) => {
  await (await load(levels(40, level))).close()
})

test('assertBounded: a prefault that fails, or holds itself, is left to zod', async () => {
  const failing = z.array(z.string()).prefault(() => {
    throw new Error('no default today')
  })
  await expect(load(z.object({ failing }))).rejects.toThrow('no default today')
  const ring: unknown[] = []
  ring.push(ring)
  const lists: z.ZodType = z.lazy(() => z.array(lists))
  await expect(load(z.object({ ring: lists.prefault(ring) }))).rejects.toMatchObject({
    code: 'invalid_config',
  })
})

test('assertBounded: a large schema that repeats little is taken', async () => {
  const base = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`p${n}`, z.string().default('x')]))
  const options = Array.from({ length: 300 }, (_, n) => z.object({ kind: z.literal(n), ...base }))
  const [first = z.object({ kind: z.literal(-1) }), ...others] = options
  const wide = Array.from({ length: 2_000 }, (_, n) => [`q${n}`, z.string().default('x')] as const)
  const schema = z.object({
    wide: z.object(Object.fromEntries(wide)),
    tagged: z.discriminatedUnion('kind', [first, ...others]).default({ kind: 0 } as never),
  })
  await (await load(schema)).close()
})

test('assertBounded: what a prefault gives counts as it is, and not the prefaults that it makes needless', async () => {
  const ports = z.array(z.number()).prefault(Array.from({ length: 50 }, (_, index) => 8_000 + index))
  const zones = z.array(z.object({ ports })).prefault(Array.from({ length: 50 }, () => ({})))
  const given = Array.from({ length: 50 }, () => ({ zones: [{ ports: [1] }] }))
  const config = await load(z.object({ regions: z.array(z.object({ zones })).prefault(given) }))
  expect(config.current).toEqual({ top: { regions: given } })
  await config.close()
})

test('assertBounded: what a function makes anew each time is refused as soon as it is too much', async () => {
  const made = (below: z.ZodType) =>
    z.preprocess(
      (value) => (value === undefined ? undefined : { a: {}, b: {} }),
      z.object({ a: below.optional(), b: below.optional() }).optional(),
    )
  await expect(load(levels(40, made).prefault(empty))).rejects.toMatchObject({ code: 'invalid_schema' })
})
