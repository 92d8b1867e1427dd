import { defineConfig } from '@livetree/core'
import { toJsonSchema } from '@livetree/core/tools'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { schemaChanges } from './schema-changes.ts'

const json = (shape: z.ZodRawShape) => toJsonSchema(defineConfig({ name: 'shop', schema: z.object(shape) }))
const changes = (before: z.ZodRawShape, after: z.ZodRawShape) =>
  schemaChanges(json(before), json(after)).map(({ path, isCompatible }) => [path, isCompatible])

const WITH_LEAF = z.object({ k: z.int() })

function partial(names: readonly string[]) {
  return z.partialRecord(z.enum(names), z.int())
}

function kinds(...names: readonly string[]) {
  const [first, ...more] = names.map((kind) => z.object({ kind: z.literal(kind), of: z.int() }))
  return first === undefined ? z.never() : z.discriminatedUnion('kind', [first, ...more])
}

test.each<[string, z.ZodRawShape, z.ZodRawShape, unknown]>([
  ['nothing', { a: z.string() }, { a: z.string() }, []],
  ['a new one that may be missing', {}, { a: z.string().optional() }, [['a', true]]],
  ['a new one with a default', {}, { a: z.string().default('x') }, [['a', true]]],
  ['a new required one', {}, { a: z.string() }, [['a', false]]],
  ['one that is gone', { a: z.string() }, {}, [['a', false]]],
  ['another type', { a: z.string() }, { a: z.number() }, [['a', false]]],
  ['integers, then numbers', { a: z.int() }, { a: z.number() }, [['a', true]]],
  ['a narrower limit', { a: z.number().max(9) }, { a: z.number().max(8) }, [['a', false]]],
  ['a wider limit', { a: z.number().max(8) }, { a: z.number().max(9) }, [['a', true]]],
  ['a limit that is new', { a: z.number() }, { a: z.number().max(9) }, [['a', false]]],
  ['one more choice', { a: z.enum(['x']) }, { a: z.enum(['x', 'y']) }, [['a', true]]],
  ['one choice less', { a: z.enum(['x', 'y']) }, { a: z.enum(['x']) }, [['a', false]]],
  ['another default', { a: z.number().default(1) }, { a: z.number().default(2) }, [['a', true]]],
  ['optional, then required', { a: z.string().optional() }, { a: z.string() }, [['a', false]]],
  ['fewer keys of a record', { m: partial(['x', 'y']) }, { m: partial(['x']) }, [['m.<name>', false]]],
  ['more keys of a record', { m: partial(['x']) }, { m: partial(['x', 'y']) }, [['m.<name>', true]]],
  ['a rule for keys', { m: z.record(z.string(), z.int()) }, { m: partial(['x']) }, [['m.<name>', false]]],
  [
    'a record of others',
    { m: z.record(z.string(), z.int()) },
    { m: z.record(z.string(), z.string()) },
    [['m.<key>', false]],
  ],
  ['an object that is required now', { m: WITH_LEAF.optional() }, { m: WITH_LEAF }, [['m', false]]],
  ['a new object that may be missing', {}, { m: WITH_LEAF.optional() }, [['m', true]]],
  ['a new object with a required leaf', {}, { m: WITH_LEAF }, [['m', false]]],
  [
    'a new object that is read where nothing is',
    {},
    { m: z.object({ k: z.int().default(1) }) },
    [['m', true]],
  ],
  ['a strict object', { m: z.object({ k: z.int() }) }, { m: z.strictObject({ k: z.int() }) }, [['m', false]]],
  [
    'a strict object no longer',
    { m: z.strictObject({ k: z.int() }) },
    { m: z.object({ k: z.int() }) },
    [['m', true]],
  ],
  [
    'a name that a record takes',
    { m: z.object({ k: z.int() }) },
    { m: z.record(z.string(), z.int()) },
    [
      ['m', true],
      ['m.k', true],
      ['m.<key>', false],
    ],
  ],
  [
    'a record with names only',
    { m: z.record(z.string(), z.int()) },
    { m: z.object({ k: z.int().optional() }) },
    [['m.<key>', false]],
  ],
  ['items of a list', { l: z.array(z.int()) }, { l: z.array(z.string()) }, [['l.<item>', false]]],
  ['shorter lists', { l: z.array(z.int()) }, { l: z.array(z.int()).max(3) }, [['l', false]]],
  ['one more alternative', { a: z.int() }, { a: z.union([z.int(), z.boolean()]) }, [['a', true]]],
  ['one alternative less', { a: z.union([z.int(), z.boolean()]) }, { a: z.int() }, [['a', false]]],
  ['null no longer', { a: z.int().nullable() }, { a: z.int() }, [['a', false]]],
  ['a kind less', { a: kinds('a', 'b') }, { a: kinds('a') }, [['a', false]]],
  ['a kind more', { a: kinds('a') }, { a: kinds('a', 'b') }, [['a', true]]],
  ['another pattern', { a: z.string().regex(/^a/) }, { a: z.string().regex(/^[ab]/) }, [['a', null]]],
  ['a pattern that is new', { a: z.string() }, { a: z.string().regex(/^a/) }, [['a', false]]],
  ['choices that a pattern takes', { a: z.enum(['ab', 'ac']) }, { a: z.string().regex(/^a/) }, [['a', true]]],
  [
    'names of objects everywhere',
    { constructor: z.int() },
    { toString: z.int() },
    [
      ['constructor', false],
      ['toString', false],
    ],
  ],
  ['no more than anything', { a: z.string() }, { a: z.unknown() }, [['a', null]]],
])('%s', (_, before, after, expected) => {
  expect(changes(before, after)).toEqual(expected)
})

test('schemaChanges follows references, also those that lead back', () => {
  const node = (value: object) => ({
    $ref: '#/$defs/node',
    $defs: { node: { type: 'object', properties: { value, next: { $ref: '#/$defs/node' } } } },
  })
  const [old, same] = [node({ type: 'number' }), node({ type: 'number' })]
  expect(schemaChanges(old, same)).toEqual([])
  expect(schemaChanges(old, node({ type: 'string' }))).toMatchObject([
    { path: 'value', isCompatible: false },
    { path: 'next.value', isCompatible: false },
  ])
  expect(schemaChanges(old, { $ref: '#/$defs/gone' })).toMatchObject([{ path: '', isCompatible: null }])
})

test('schemaChanges of a lazy part is that of the part', () => {
  const lazy = (part: z.ZodType) => ({ m: z.lazy(() => z.object({ k: part })).optional() })
  expect(changes(lazy(z.number()), lazy(z.string()))).toEqual([['m.k', false]])
})

test('schemaChanges says where schemas that refer to themselves in many ways are too large', () => {
  const level = (at: number, type: string): object =>
    at === 0 ? { type } : { type: 'object', properties: ref(at - 1, ['a', 'b', 'c']) }
  const ref = (at: number, names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, { $ref: `#/$defs/l${at}` }]))
  const made = (type: string) => ({
    $ref: '#/$defs/l30',
    $defs: Object.fromEntries(Array.from({ length: 31 }, (_, at) => [`l${at}`, level(at, type)])),
  })
  const found = schemaChanges(made('number'), made('string'))
  expect(found).toHaveLength(1_001)
  expect(found.at(-1)?.what).toMatch(/^and \d+ more places differ$/)
  expect(schemaChanges(made('number'), made('number'))).toEqual([])
  const widened = schemaChanges(made('integer'), { ...made('number'), $comment: 'wider' })
  expect(widened.at(-1)?.isCompatible).toBe(null)
})
