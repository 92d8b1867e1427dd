import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { issuesOf, read, staged, type Tree, acceptedValue } from './staged.test.kit.ts'

type Row = readonly [name: string, schema: z.core.$ZodType, tree: Tree, value: unknown]

const at = (schema: z.core.$ZodType) => z.object({ it: schema as z.ZodType })

const point = z.object({ x: z.number(), label: z.string().optional() })

interface Folder {
  name: string
  folders: Record<string, Folder>
}

const folder: z.ZodType<Folder> = z.object({
  name: z.string(),
  get folders() {
    return z.record(z.string(), folder)
  },
})

interface Chain {
  value: number
  next?: Chain | undefined
}
const chain: z.ZodType<Chain> = z.object({ value: z.number(), next: z.lazy(() => chain).optional() })

const shapes = z.discriminatedUnion('size', [
  z.object({ size: z.literal(1), radius: z.number() }),
  z.object({ size: z.literal([2, 3]), side: z.number() }),
  z.object({ size: z.literal(true), name: z.string() }),
])

const nested = z.discriminatedUnion('kind', [
  z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('a'), n: z.number() }),
    z.object({ kind: z.literal('b'), n: z.string() }),
  ]),
  z.object({ kind: z.literal('c'), n: z.boolean() }),
])

describe('inputOf: a subtree becomes what the schema takes', () => {
  test.each<Row>([
    ['object', point, { 'it/x': '1' }, { x: 1 }],
    ['object as a JSON document', point, { it: '{"x": 1, "label": "a"}' }, { x: 1, label: 'a' }],
    ['object as a JSON document with text inside', point, { it: '{"x": "1"}' }, { x: 1 }],
    ['mini.object', mini.object({ x: mini.number() }), { 'it/x': '1' }, { x: 1 }],
    ['object, defaults inside', z.object({ x: z.number().default(7) }), {}, { x: 7 }],
    [
      'object, defaults two levels inside',
      z.object({ o: z.object({ x: z.number().default(7) }) }),
      {},
      { o: { x: 7 } },
    ],
    ['object by prefault', z.object({ x: z.number().default(7) }).prefault({}), {}, { x: 7 }],
    ['object by default, not filled', z.object({ x: z.number().optional() }).default({ x: 1 }), {}, { x: 1 }],
    ['object, optional and absent', point.optional(), {}, undefined],
    ['object, optional and empty', point.partial().optional(), { it: '{}' }, {}],
    ['object, nullable', point.nullable(), { it: 'null' }, null],
    ['object, catch', point.catch({ x: 0 }), { 'it/x': 'ten' }, { x: 0 }],
    ['object, readonly', point.readonly(), { 'it/x': '1' }, { x: 1 }],
    ['object, transform', point.transform(({ x }) => [x]), { 'it/x': '1' }, [1]],
    ['object, refine', point.refine(({ x }) => x > 0), { 'it/x': '1' }, { x: 1 }],
    ['object, brand', point.brand('Point'), { 'it/x': '1' }, { x: 1 }],
    ['strict object', z.strictObject({ x: z.number() }), { 'it/x': '1' }, { x: 1 }],
    [
      'loose object keeps what it does not know',
      z.looseObject({ x: z.number() }),
      { 'it/x': '1', 'it/y': '2', 'it/z/a': 'b' },
      { x: 1, y: '2', z: { a: 'b' } },
    ],
    [
      'object with a catchall',
      z.object({ x: z.number() }).catchall(z.boolean()),
      { 'it/x': '1', 'it/y': 'on' },
      { x: 1, y: true },
    ],
    ['record', z.record(z.string(), z.number()), { 'it/a': '1', 'it/b': '2' }, { a: 1, b: 2 }],
    ['record, absent', z.record(z.string(), z.number()), {}, {}],
    ['record as a JSON document', z.record(z.string(), z.number()), { it: '{"a": 1}' }, { a: 1 }],
    [
      'record of objects',
      z.record(z.string(), point),
      { 'it/a/x': '1', 'it/b': '{"x": 2}' },
      { a: { x: 1 }, b: { x: 2 } },
    ],
    [
      'record with names as on Object.prototype',
      z.record(z.string(), z.number()),
      { 'it/constructor': '1', 'it/toString': '2' },
      { constructor: 1, toString: 2 },
    ],
    [
      'record with enum keys',
      z.record(z.enum(['a', 'b']), z.number()),
      { 'it/a': '1', 'it/b': '2' },
      { a: 1, b: 2 },
    ],
    ['partialRecord', z.partialRecord(z.enum(['a', 'b']), z.number()), { 'it/a': '1' }, { a: 1 }],
    [
      'looseRecord',
      z.looseRecord(z.string().regex(/^n_/), z.number()),
      { 'it/n_a': '1', 'it/b': 'x' },
      { n_a: 1, b: 'x' },
    ],
    [
      'record with numeric keys',
      z.record(z.number(), z.string()),
      { 'it/1': 'a', 'it/2': 'b' },
      { 1: 'a', 2: 'b' },
    ],
    [
      'record with keys that zod rewrites',
      z.record(z.string().toLowerCase(), z.number()),
      { 'it/A': '1' },
      { a: 1 },
    ],
    ['mini.record', mini.record(mini.string(), mini.number()), { 'it/a': '1' }, { a: 1 }],
    ['array, numbered', z.array(z.number()), { 'it/0': '1', 'it/1': '2' }, [1, 2]],
    [
      'array, ten and two in the order of numbers',
      z.array(z.number()),
      { 'it/10': '3', 'it/2': '2', 'it/0': '1' },
      [1, 2, 3],
    ],
    ['array, named', z.array(z.number()), { 'it/b': '2', 'it/a': '1' }, [1, 2]],
    ['array as a JSON document', z.array(z.number()), { it: '[1, "2"]' }, [1, 2]],
    ['array, empty', z.array(z.number()), { it: '[]' }, []],
    ['array of objects', z.array(point), { 'it/0/x': '1', 'it/1': '{"x": 2}' }, [{ x: 1 }, { x: 2 }]],
    ['array of arrays', z.array(z.array(z.number())), { 'it/0/0': '1', 'it/1': '[2, 3]' }, [[1], [2, 3]]],
    ['array, typed', z.array(z.number()), { it: [1, '2'] }, [1, 2]],
    ['mini.array', mini.array(mini.number()), { 'it/0': '1' }, [1]],
    ['tuple', z.tuple([z.string(), z.number()]), { 'it/0': '1', 'it/1': '1' }, ['1', 1]],
    ['tuple, named', z.tuple([z.string(), z.number()]), { 'it/a': '1', 'it/b': '1' }, ['1', 1]],
    ['tuple with a rest', z.tuple([z.string()], z.number()), { it: '["1", "1", "2"]' }, ['1', 1, 2]],
    ['tuple, the last one absent', z.tuple([z.string(), z.number().optional()]), { 'it/0': '1' }, ['1']],
    ['set', z.set(z.number()), { 'it/0': '1', 'it/1': '2' }, new Set([1, 2])],
    ['set as a JSON document', z.set(z.number()), { it: '[1, 1]' }, new Set([1])],
    ['map', z.map(z.string(), z.number()), { 'it/a': '1' }, new Map([['a', 1]])],
    ['map, absent', z.map(z.string(), z.number()), {}, new Map()],
    ['map with numbers as keys', z.map(z.number(), z.boolean()), { 'it/1': 'on' }, new Map([[1, true]])],
    ['map with an enum as keys', z.map(z.enum(['a']), z.number()), { it: '{"a": 1}' }, new Map([['a', 1]])],
    ['map as a JSON list of pairs', z.map(z.number(), z.string()), { it: '[[1, "a"]]' }, new Map([[1, 'a']])],
    ['discriminated union', nested, { 'it/kind': 'a', 'it/n': '1' }, { kind: 'a', n: 1 }],
    ['discriminated union inside another', nested, { 'it/kind': 'b', 'it/n': '1' }, { kind: 'b', n: '1' }],
    [
      'discriminated union, line feed after the tag',
      nested,
      { 'it/kind': 'c\n', 'it/n': 'on' },
      { kind: 'c', n: true },
    ],
    [
      'discriminated union, numeric tag',
      shapes,
      { 'it/size': '1', 'it/radius': '2' },
      { size: 1, radius: 2 },
    ],
    [
      'discriminated union, one of several tags',
      shapes,
      { 'it/size': '3', 'it/side': '2' },
      { size: 3, side: 2 },
    ],
    [
      'discriminated union, boolean tag',
      shapes,
      { 'it/size': 'true', 'it/name': '2' },
      { size: true, name: '2' },
    ],
    [
      'discriminated union as a JSON document',
      shapes,
      { it: '{"size": 1, "radius": "2"}' },
      { size: 1, radius: 2 },
    ],
    ['discriminated union as a typed value', shapes, { it: { size: 2, side: '2' } }, { size: 2, side: 2 }],
    [
      'a name that is a directory in one option and text in another',
      z.discriminatedUnion('k', [
        z.object({ k: z.literal('a'), v: point }),
        z.object({ k: z.literal('b'), v: z.string() }),
      ]),
      { 'it/k': 'b', 'it/v': '{"x": 1}' },
      { k: 'b', v: '{"x": 1}' },
    ],
    [
      'union of objects',
      z.union([z.object({ a: z.number() }), z.object({ b: z.number() })]),
      { 'it/b': '1' },
      { b: 1 },
    ],
    ['union of text and object, text', z.union([point, z.string()]), { it: 'a' }, 'a'],
    ['union of text and object, directory', z.union([z.string(), point]), { 'it/x': '1' }, { x: 1 }],
    [
      'union of list and record, named',
      z.union([z.array(z.string()), z.record(z.string(), z.string())]),
      { 'it/a': '1' },
      { a: '1' },
    ],
    [
      'union of list and record, numbered',
      z.union([z.array(z.string()), z.record(z.string(), z.string())]),
      { 'it/0': '1' },
      ['1'],
    ],
    ['xor', z.xor([z.object({ a: z.number() }), z.object({ b: z.number() })]), { 'it/a': '1' }, { a: 1 }],
    [
      'intersection',
      z.intersection(point, z.object({ y: z.number() })),
      { 'it/x': '1', 'it/y': '2' },
      { x: 1, y: 2 },
    ],
    [
      'intersection that shares a name',
      z.intersection(
        z.object({ o: z.object({ a: z.number() }) }),
        z.object({ o: z.object({ b: z.number() }) }),
      ),
      { 'it/o/a': '1', 'it/o/b': '2' },
      { o: { a: 1, b: 2 } },
    ],
    [
      'intersection as a JSON document',
      z.intersection(point, z.object({ y: z.number() })),
      { it: '{"x": 1, "y": "2"}' },
      { x: 1, y: 2 },
    ],
    [
      'lazy, with itself inside',
      chain,
      { 'it/value': '1', 'it/next/value': '2' },
      { value: 1, next: { value: 2 } },
    ],
    [
      'a getter, with itself inside',
      folder,
      { 'it/name': 'a', 'it/folders/b/name': 'b' },
      { name: 'a', folders: { b: { name: 'b', folders: {} } } },
    ],
    ['unknown, a directory', z.unknown(), { 'it/a': '1', 'it/b/c': 'true' }, { a: '1', b: { c: 'true' } }],
    [
      'preprocess gets a directory as it is',
      z.preprocess((value) => Object.keys(value as object), z.array(z.string())),
      { 'it/a': '1' },
      ['a'],
    ],
    [
      'codec around an object',
      z.codec(point, z.number(), { decode: ({ x }) => x, encode: (x) => ({ x }) }),
      { 'it/x': '1' },
      1,
    ],
    ['json, an object', z.json(), { it: '{"a": [1, null, "x"]}' }, { a: [1, null, 'x'] }],
    ['json, a number', z.json(), { it: '5' }, 5],
    ['json, plain text', z.json(), { it: 'plain: text' }, 'plain: text'],
    ['json, named keys', z.json(), { 'it/a': '1', 'it/b/c': '"x"' }, { a: 1, b: { c: 'x' } }],
    ['json, numbered keys', z.json(), { 'it/0': 'true', 'it/1': '[]' }, [true, []]],
    ['json, typed', z.json(), { it: [1, { a: 'b' }] }, [1, { a: 'b' }]],
    ['mini.json', mini.json(), { it: '{"a": 1}' }, { a: 1 }],
    [
      'bigint in a JSON document, exact',
      z.array(z.bigint()),
      { it: '[9007199254740993]' },
      [9007199254740993n],
    ],
    ['bigint in a typed value', z.array(z.bigint()), { it: [5] }, [5n]],
    [
      'dates and bytes in a JSON document',
      z.tuple([z.date(), z.instanceof(Uint8Array)]),
      { it: '["2026-01-02", "aGk="]' },
      [new Date('2026-01-02'), new Uint8Array([104, 105])],
    ],
  ])('%s', (_name, schema, tree, value) => {
    const { it } = read(at(schema), tree) as { it: unknown }
    expect(it).toEqual(value)
  })

  test.each<[string, z.core.$ZodType, Tree, string, string]>([
    ['object, absent and with something required', point, {}, 'it.x', 'invalid_type'],
    ['object by lazy, absent', z.lazy(() => point), {}, 'it', 'invalid_type'],
    [
      'record with enum keys, one absent',
      z.record(z.enum(['a', 'b']), z.number()),
      { 'it/a': '1' },
      'it.b',
      'invalid_type',
    ],
    [
      'record with enum keys, a strange one',
      z.partialRecord(z.enum(['a']), z.number()),
      { 'it/c': '1' },
      'it',
      'unrecognized_keys',
    ],
    [
      'record with a key that does not fit',
      z.record(z.string().max(1), z.number()),
      { 'it/long': '1' },
      'it.long',
      'invalid_key',
    ],
    ['strict object with a strange key', z.strictObject({}), { 'it/a': '1' }, 'it', 'unrecognized_keys'],
    ['array, absent', z.array(z.string()), {}, 'it', 'invalid_type'],
    ['array, text that is no JSON', z.array(z.string()), { it: '[1, ' }, 'it', 'invalid_type'],
    [
      'array, an item that does not fit',
      z.array(z.number()),
      { 'it/5': '1', 'it/7': 'x' },
      'it.1',
      'invalid_type',
    ],
    ['tuple, too many', z.tuple([z.string()]), { 'it/0': '1', 'it/1': '2' }, 'it', 'too_big'],
    ['object, a JSON list', point, { it: '[1]' }, 'it', 'invalid_type'],
    ['object, broken JSON', point, { it: '{"x": ' }, 'it', 'unreadable'],
    ['discriminated union, no such tag', shapes, { 'it/size': '9' }, 'it.size', 'invalid_union'],
    ['discriminated union, no tag', shapes, { 'it/radius': '9' }, 'it.size', 'invalid_union'],
    [
      'discriminated union, wrong inside',
      shapes,
      { 'it/size': '1', 'it/radius': 'x' },
      'it.radius',
      'invalid_type',
    ],
    [
      'xor, both',
      z.xor([z.looseObject({ a: z.string() }), z.looseObject({ b: z.string() })]),
      { 'it/a': '1', 'it/b': '1' },
      'it',
      'invalid_union',
    ],
    ...Object.entries({
      keys: { 'it/url': 'u', 'it/host': 'h', 'it/port': '80' },
      document: { it: '{"url":"u","host":"h","port":"80"}' },
      'part of a document': { '': '{"it":{"url":"u","host":"h","port":80}}' },
    }).map(([form, tree]): [string, z.core.$ZodType, Tree, string, string] => [
      `xor of plain objects, both, as ${form}`,
      z.xor([z.object({ url: z.string() }), z.object({ host: z.string(), port: z.number() })]),
      tree,
      'it',
      'invalid_union',
    ]),
    [
      'xor of plain objects in one another, both',
      z.xor([z.object({ o: z.object({ a: z.number() }) }), z.object({ o: z.object({ b: z.boolean() }) })]),
      { 'it/o/a': '1', 'it/o/b': 'on' },
      'it',
      'invalid_union',
    ],
    [
      'xor of plain objects in a list, both',
      z.array(z.xor([z.object({ a: z.number() }), z.object({ b: z.date() })])),
      { it: '[{"a":1,"b":"2026-01-01"}]' },
      'it.0',
      'invalid_union',
    ],
    ['undefined, absent', z.undefined(), {}, 'it', 'invalid_type'],
    ['unknown, absent', z.unknown(), {}, 'it', 'invalid_type'],
    [
      'intersection, one side',
      z.intersection(point, z.object({ y: z.number() })),
      { 'it/x': '1' },
      'it.y',
      'invalid_type',
    ],
    ['map, a key that does not fit', z.map(z.number(), z.string()), { 'it/a': 'x' }, 'it.a', 'invalid_type'],
    [
      'map, a list of pairs with a hole',
      z.map(z.string(), z.number()),
      { it: Array(1) },
      'it',
      'invalid_type',
    ],
    ['nonoptional, absent', z.nonoptional(z.number().optional()), {}, 'it', 'invalid_type'],
    [
      'json with a number that is none',
      z.record(z.string(), z.json()).refine((o) => Object.keys(o).length > 1, 'one more'),
      { 'it/a': '1' },
      'it',
      'custom',
    ],
  ])('refused: %s', (_name, schema, tree, pathText, code) => {
    expect(issuesOf(staged(at(schema)).patch(0, tree))).toMatchObject([{ pathText, code }])
  })

  test.each<Row>([
    ['optional', z.number().optional(), {}, {}],
    ['exactOptional', z.exactOptional(z.number()), {}, {}],
    ['mini.optional', mini.optional(mini.number()), {}, {}],
    ['default', z.number().default(5), {}, { it: 5 }],
    ['mini._default', mini._default(mini.number(), 5), {}, { it: 5 }],
    ['prefault', z.string().trim().prefault(' a '), {}, { it: 'a' }],
    ['catch', z.number().catch(5), {}, { it: 5 }],
    ['nullish', z.number().nullish(), {}, {}],
    [
      'optional transform',
      z
        .number()
        .optional()
        .transform((n) => n ?? -1),
      {},
      { it: -1 },
    ],
    ['catch around an object', point.catch({ x: 9 }), {}, { it: { x: 9 } }],
  ])('nothing there: %s', (_name, schema, tree, value) => {
    const found = read(at(schema), tree)
    expect(found).toEqual(value)
    expect(found).toEqual(z.core.parse(at(schema), {}))
  })
})

test('inputOf: a tag that cannot be made into text names no option', () => {
  const tag = Object.create(null) as object
  expect(issuesOf(staged(at(shapes)).patch(0, { 'it/size': tag }))).toMatchObject([
    { code: 'invalid_union', pathText: 'it.size' },
  ])
})

test('judge: what the schema throws may refuse to be made into text', () => {
  const schema = z.string().refine(() => {
    throw Object.create(null)
  })
  expect(issuesOf(staged(at(schema)).patch(0, { it: 'x' }))).toMatchObject([
    { code: 'schema_error', message: "The schema's own code threw: a thrown object" },
  ])
})

describe('inputOf: names that every object inherits', () => {
  const names = z.object({
    constructor: z.string().optional(),
    toString: z.number().default(1),
    valueOf: z.exactOptional(z.string()),
    hasOwnProperty: z.boolean().catch(false),
  })

  test.each<Row>([
    ['an object', names, {}, { toString: 1, hasOwnProperty: false }],
    ['a refined object', names.refine(() => true), {}, { toString: 1, hasOwnProperty: false }],
    [
      'an object in a list',
      z.array(names),
      { it: '[{}, {"constructor": "x"}]' },
      [
        { toString: 1, hasOwnProperty: false },
        { constructor: 'x', toString: 1, hasOwnProperty: false },
      ],
    ],
    [
      'an object in an intersection',
      z.intersection(names, z.object({ a: z.string() })),
      { 'it/a': 'x' },
      { a: 'x', toString: 1, hasOwnProperty: false },
    ],
    [
      'a record with enum keys',
      z.partialRecord(z.enum(['constructor', 'a']), z.string()),
      { 'it/a': 'x' },
      { a: 'x' },
    ],
    [
      'a union',
      z.union([z.object({ constructor: z.number() }), z.object({ a: z.string() })]),
      { 'it/a': 'x' },
      { a: 'x' },
    ],
  ])('are absent where nothing is: %s', (_name, it, tree, value) => {
    expect(read(z.object({ it }), tree)).toEqual({ it: value })
  })

  test('are missed where they are needed', () => {
    expect(issuesOf(staged(z.object({ constructor: z.string() })).patch(0, {}))).toMatchObject([
      {
        code: 'invalid_type',
        message: 'Invalid input: expected string, received undefined. Set /prod/constructor',
      },
    ])
  })
})

describe('inputOf: unions read each directory once', () => {
  test('a value that cannot be read, deep inside a json() tree, is found without trying every way to it', () => {
    let reads = 0
    const counted = z.json().refine(() => ++reads > 0)
    const path = `it/${Array.from({ length: 60 }, () => 'a').join('/')}`
    const { patch } = staged(z.object({ it: counted }))
    expect(acceptedValue(patch(0, { [path]: '1', 'it/b': '2' }))).toBeDefined()
    expect(reads).toBe(1)
  })

  test('what is wrong deep inside is not tried in every way', () => {
    let reads = 0
    const leaf = z.string().refine(() => {
      reads++
      return false
    })
    const node: z.ZodType = z.lazy(() => z.union([leaf, z.array(node), z.record(z.string(), node)]))
    const path = `it/${Array.from({ length: 16 }, () => 'a').join('/')}`
    expect(issuesOf(staged(z.object({ it: node })).patch(0, { [path]: 'x' }))).toHaveLength(1)
    expect(reads).toBeLessThan(1_000)
  })

  test('and again where other layers count', () => {
    const part = z.union([z.object({ a: z.number(), b: z.number() }), z.number()])
    // as a list it would have what the highest layer has; as a record, what all have
    const { patch } = staged(
      z.object({ it: z.union([z.array(part), z.record(z.string(), part)]).optional() }),
    )
    patch(0, { 'it/0/a': '1', 'it/0/b': '1' })
    expect(acceptedValue(patch(1, { 'it/0/b': '2' }))).toEqual({ it: { 0: { a: 1, b: 2 } } })
  })

  test('a recursive union of objects ends, however deep it is wrong', () => {
    interface Node {
      [name: string]: Node | number
    }
    const node: z.ZodType<Node> = z.lazy(() => z.record(z.string(), z.union([z.number(), node])))
    const path = `it/${Array.from({ length: 40 }, () => 'a').join('/')}`
    expect(issuesOf(staged(z.object({ it: node })).patch(0, { [path]: 'x' }))).toMatchObject([
      { code: 'invalid_union' },
    ])
  })
})
