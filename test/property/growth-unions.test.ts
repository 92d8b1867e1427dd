import { expect, test } from 'vitest'
import * as z from 'zod'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'

const COUNT = 20_000
const LEVELS = 90
const LAYER = { name: 'base', keyPrefix: '/base/', separator: '/', naming: 'stored' } as const

const list = (item: string) => `[${`${item},`.repeat(COUNT)}${item}]`
/** Fewer entries than a list has items: zod itself takes half a second for each 1,000 entries at this depth. */
const record = (item: string) =>
  `{${Array.from({ length: COUNT / 10 }, (_, index) => `"k${index}":${item}`)}}`
const levels = (open: string, close: string, inner: string) =>
  `${open.repeat(LEVELS)}${inner}${close.repeat(LEVELS)}`
const objects = (inner: string) => levels('{"a":', '}', inner)

/** The processor's time until a document is validated, in milliseconds: the shortest of several. */
function shortest(count: number, ready: () => () => unknown): number {
  const times = Array.from({ length: count }, () => {
    const run = ready()
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...times)
}

function pipelineTime(schema: z.ZodType, text: string): number {
  return shortest(3, () => {
    const pipeline = createPipeline<unknown>(compileSchema(z.object({ it: schema.optional() })), [
      { name: 'base', layers: [LAYER] },
    ])
    const changes = [{ layer: 0, leaf: { path: '', value: `{"it":${text}}`, revision: 1 } }]
    return () => {
      pipeline.stage(0, { type: 'patch', update: { revision: 1, changes } })
      pipeline.evaluate()
    }
  })
}

const anything: z.ZodType = z.lazy(() =>
  z.union([z.string(), z.number(), z.array(anything), z.record(z.string(), anything)]),
)
const nullables: z.ZodType = z.lazy(() =>
  z.union([z.object({ a: nullables.nullable(), l: z.array(z.number()).optional() }), z.string()]),
)
const maps: z.ZodType = z.lazy(() => z.union([z.number(), z.map(z.string(), maps)]))
const alike: z.ZodType = z.lazy(() =>
  z.union([z.object({ a: alike, b: z.string() }), z.object({ a: alike }), z.array(z.number())]),
)
const strict: z.ZodType = z.lazy(() =>
  z.union([z.strictObject({ a: strict, b: z.string() }), z.strictObject({ a: strict }), z.array(z.number())]),
)
const crossed: z.ZodType = z.lazy(() =>
  z.intersection(
    z.object({ a: z.union([z.number(), crossed, z.array(z.number())]) }),
    z.looseObject({ b: z.string().optional() }),
  ),
)
const tagged = z.union([z.object({ a: z.number() }), z.object({ b: z.number() })])

/** A union that asks zod about the same parts again and again, or has what is wrong put into words, takes some twenty times as long. */
test.each<[string, z.ZodType, string]>([
  ['a list of literals', z.array(z.union([...'abcdefghij'].map((text) => z.literal(text)))), list('"j"')],
  ['a list of enums', z.array(z.union([...'abcdefghij'].map((text) => z.enum([text])))), list('"j"')],
  ['a list of text or numbers', z.array(z.union([z.string(), z.number()])), list('1')],
  ['a list of written numbers', z.array(z.union([z.boolean(), z.null(), z.number()])), list('1.10')],
  ['a list of objects', z.array(tagged), list('{"b":1}')],
  ['a list of nothing that fits', z.array(z.union([z.number(), z.boolean()])), list('"x"')],
  ['a list of nullables', z.array(z.number().nullable()), list('"null"')],
  ['lists in lists', anything, levels('[', ']', list('1'))],
  ['lists in lists, the last item wrong', anything, levels('[', ']', list('1').replace(/1\]$/, 'true]'))],
  ['records in records', anything, objects(record('1'))],
  ['maps in maps', maps, objects(record('1'))],
  ['nullables in nullables', nullables, objects(`{"a":"x","l":${list('1')}}`)],
  ['objects of two kinds in one another', alike, objects(list('1'))],
  ['strict objects of two kinds in one another', strict, objects(list('1'))],
  ['intersections in one another', crossed, objects(list('1'))],
])('a document of unions takes time as its length asks for: %s', (_name, schema, text) => {
  const parsed: unknown = JSON.parse(text)
  const zodMs = shortest(3, () => () => z.safeParse(schema, parsed).success)
  const jsonMs = pipelineTime(z.json(), text)
  const ms = pipelineTime(schema, text)
  expect(ms, `${jsonMs} ms as any JSON, ${zodMs} ms by zod alone`).toBeLessThan(8 * (jsonMs + zodMs))
})
