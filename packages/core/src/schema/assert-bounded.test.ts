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
}

test.each(Object.entries(bounded))('assertBounded: 40 levels of %s are taken', async (_name, level) => {
  await (await load(levels(40, level))).close()
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
