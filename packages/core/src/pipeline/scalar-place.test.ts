import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { flatten } from '../source/flatten.ts'
import { acceptedValue, envLayer, issuesOf, staged, storedLayer, type Tree } from './staged.test.kit.ts'

/** A layer as `file()` and `memory()` have it. */
const nestedLayer = { ...storedLayer('base'), isNested: true }

const leavesOf = (value: object): Tree =>
  Object.fromEntries(flatten(value).map((leaf) => [leaf.path, leaf.value]))

/** Each value as a key of its own. */
const keysOf = (value: object, path = ''): Record<string, string> =>
  Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) =>
      typeof inner === 'object' && inner !== null
        ? Object.entries(keysOf(inner as object, `${path}${name}/`))
        : [[`${path}${name}`, String(inner)]],
    ),
  )

/** The forms that say plainly what is an object. */
const PLAIN_FORMS: Readonly<Record<string, { nested: boolean; tree: (it: object) => Tree }>> = {
  'a file or memory': { nested: true, tree: (it) => leavesOf({ it }) },
  'a document at the root': { nested: false, tree: (it) => ({ '': JSON.stringify({ it }) }) },
  'a typed value': { nested: false, tree: (it) => ({ it }) },
  'a typed value at the root': { nested: false, tree: (it) => ({ '': { it } }) },
}

const both = z.discriminatedUnion('k', [
  z.object({ k: z.literal('a'), v: z.number().optional() }),
  z.object({ k: z.literal('b') }),
])

/** zod makes text of an object. */
const COERCED = 'a coerced one'

/** `value` is what bare keys come to; `at` the place of the scalar, and of the issue. */
const rows: readonly [name: string, schema: z.ZodType, it: object, at: string, value: unknown][] = [
  ['a default', z.object({ n: z.number().default(5) }), { n: { x: 2 } }, 'it.n', { n: 5 }],
  ['an optional one', z.object({ s: z.string().optional() }), { s: { x: 'y' } }, 'it.s', {}],
  ['a nullable one', z.object({ s: z.string().nullish() }), { s: { x: 'y' } }, 'it.s', {}],
  ['text', z.object({ n: z.string().default('d') }), { n: { x: { y: 2 } } }, 'it.n', { n: 'd' }],
  ['an enum', z.object({ n: z.enum(['a']).optional() }), { n: { x: 2 } }, 'it.n', {}],
  ['a date', z.object({ n: z.date().optional() }), { n: { x: 2 } }, 'it.n', {}],
  ['stringbool', z.object({ n: z.stringbool().optional() }), { n: { x: 2 } }, 'it.n', {}],
  [COERCED, z.object({ n: z.coerce.string().nonoptional().optional() }), { n: { x: 2 } }, 'it.n', {}],
  [
    'a union of scalars',
    z.object({ n: z.union([z.number(), z.boolean()]).optional() }),
    { n: { x: 2 } },
    'it.n',
    {},
  ],
  [
    'a codec',
    z.object({ n: z.codec(z.string(), z.number(), { decode: Number, encode: String }).optional() }),
    { n: { x: 2 } },
    'it.n',
    {},
  ],
  ['a record', z.record(z.string(), z.number()), { a: 1, b: { x: 2 } }, 'it.b', { a: 1 }],
  ['a map', z.map(z.string(), z.number()), { a: 1, b: { x: 2 } }, 'it.b', new Map([['a', 1]])],
  ['a catchall', z.object({ a: z.number() }).catchall(z.number()), { a: 1, b: { x: 2 } }, 'it.b', { a: 1 }],
  ['an option by its tag', both, { k: 'a', v: { x: 2 } }, 'it.v', { k: 'a' }],
  [
    'a refined object',
    z.object({ n: z.number().default(5) }).refine(() => true),
    { n: { x: 2 } },
    'it.n',
    { n: 5 },
  ],
  [
    'an intersection',
    z.intersection(z.object({ a: z.number() }), z.object({ n: z.number().optional() })),
    { a: 1, n: { x: 2 } },
    'it.n',
    { a: 1 },
  ],
  [
    'a refined catchall',
    z
      .object({ a: z.number() })
      .catchall(z.number())
      .refine(() => true),
    { a: 1, b: { x: 2 } },
    'it.b',
    { a: 1 },
  ],
]

describe('an object where the schema has a scalar is an invalid value; bare keys there are unused', () => {
  test.each(rows)('%s', (name, schema, it, at, value) => {
    const whole = z.object({ it: schema })
    const messages = Object.entries(PLAIN_FORMS).map(([form, { nested, tree }]) => {
      const layers = [nested ? nestedLayer : storedLayer('base')]
      const { patch } = staged(whole, { layers })
      const issues = issuesOf(patch(0, tree(it)))
      expect(issues, form).toHaveLength(1)
      expect(issues[0]?.pathText, form).toBe(at)
      if (name !== COERCED) expect(whole.safeParse({ it }).success, 'zod').toBe(false)
      const gone = Object.fromEntries(Object.keys(tree(it)).map((path) => [path, undefined]))
      const valid = Object.fromEntries(Object.entries(it).filter(([, part]) => typeof part !== 'object'))
      patch(0, gone)
      expect(acceptedValue(patch(0, { ...gone, ...tree(valid) })), form).toEqual({ it: value })
      return issues[0]?.message
    })
    expect(new Set(messages).size).toBe(1)

    const { patch } = staged(whole)
    const outcome = patch(0, { 'it/': undefined, ...keysOf({ it }) })
    expect(acceptedValue(outcome)).toEqual({ it: value })
    expect(outcome.unused.map(({ pathText }) => pathText)).toEqual([
      expect.stringMatching(new RegExp(`^${at.replaceAll('.', '\\.')}\\.x(\\.y)?$`)),
    ])
    const strict = staged(whole, { unused: 'reject' })
    expect(issuesOf(strict.patch(0, keysOf({ it })))).toMatchObject([{ code: 'unused' }])
  })

  test('an environment variable below a scalar is a bare key', () => {
    const { patch } = staged(z.object({ port: z.number().default(80) }), { layers: [envLayer] })
    const outcome = patch(0, { PORT__X: '1' })
    expect(acceptedValue(outcome)).toEqual({ port: 80 })
    expect(outcome.unused).toHaveLength(1)
  })

  const LAYERS = [nestedLayer, storedLayer('keys'), { ...nestedLayer, name: 'top' }]
  const scalars: readonly [string, z.ZodType, unknown, unknown][] = [
    ['number', z.number(), '5', 5],
    ['text', z.string(), 'x', 'x'],
    ['null', z.number().nullable(), 'null', null],
    ['optional', z.number().optional(), '5', 5],
    ['union', z.union([z.string(), z.number()]), 'x', 'x'],
    ['union, refined', z.union([z.number(), z.boolean()]).refine(() => true), 'on', true],
  ]
  test.each(scalars)('over layers: %s', (_name, schema, text, value) => {
    for (const whole of [z.object({ it: schema }), z.object({ it: schema }).refine(() => true)]) {
      const { patch } = staged(whole, { layers: LAYERS })
      // bare keys of a higher layer cover nothing
      patch(0, { it: text })
      const stray = patch(1, { 'it/x': '1' })
      expect(acceptedValue(stray)).toEqual({ it: value })
      expect(stray.unused.map(({ pathText }) => pathText)).toEqual(['it.x'])
      // an object of a higher layer covers the value, also where bare keys are between them
      const issues = issuesOf(patch(2, { 'it/y': 1 }))
      expect(issues).toMatchObject([{ pathText: 'it' }])
      expect(issues[0]?.origins.map(({ key }) => key)).toContain('/base/it/y')
      expect(acceptedValue(patch(2, { 'it/y': undefined }))).toEqual({ it: value })
      // a value covers the object of a lower layer
      patch(0, { it: undefined, 'it/y': 1 })
      expect(acceptedValue(patch(2, { it: text }))).toEqual({ it: value })
      issuesOf(patch(2, { it: undefined }))
      expect(acceptedValue(patch(1, { it: text }))).toEqual({ it: value })
    }
  })

  test('what is in a list is judged the same', () => {
    const whole = z.object({ it: z.array(z.object({ n: z.number().default(5) })) })
    expect(issuesOf(staged(whole).patch(0, { it: '[{"n": {"x": 1}}]' }))).toMatchObject([
      { pathText: 'it.0.n' },
    ])
    const keys = staged(whole).patch(0, { 'it/0/n/x': '1' })
    expect(acceptedValue(keys)).toEqual({ it: [{ n: 5 }] })
    expect(keys.unused.map(({ pathText }) => pathText)).toEqual(['it.0.n.x'])
    const numbers = staged(z.object({ it: z.array(z.number().optional()) })).patch(0, { 'it/0/x': '1' })
    expect(numbers.unused.map(({ pathText }) => pathText)).toEqual(['it.0.x'])
  })

  test('an option of a union that takes all keys comes before one that leaves some out', () => {
    const whole = z.object({
      it: z.union([z.object({ n: z.number().optional() }), z.object({ n: z.object({ x: z.number() }) })]),
    })
    for (const tree of [{ 'it/n/x': '1' }, { it: '{"n": {"x": 1}}' }, { '': '{"it": {"n": {"x": 1}}}' }]) {
      const outcome = staged(whole).patch(0, tree)
      expect(acceptedValue(outcome)).toEqual({ it: { n: { x: 1 } } })
      expect(outcome.unused).toEqual([])
    }
    const other = staged(whole).patch(0, { 'it/n/y': '1' })
    expect(acceptedValue(other)).toEqual({ it: {} })
    expect(other.unused.map(({ pathText }) => pathText)).toEqual(['it.n.y'])
  })
})

describe('a loose record hands on what stands under names that are no key', () => {
  test.each<[string, z.ZodType, object, unknown]>([
    [
      'a pattern',
      z.looseRecord(z.string().regex(/^x/), z.number()),
      { xa: 1, other: { deep: { v: '1' } }, plain: '7' },
      { xa: 1, other: { deep: { v: '1' } }, plain: '7' },
    ],
    [
      'objects',
      z.looseRecord(z.string().regex(/^x/), z.object({ n: z.number() })),
      { xa: { n: 1 }, other: { n: 'x', m: '1' }, plain: '7' },
      { xa: { n: 1 }, other: { n: 'x', m: '1' }, plain: '7' },
    ],
    ['an enum', z.looseRecord(z.enum(['a']), z.number()), { a: 1, b: { c: 'x' } }, { a: 1, b: { c: 'x' } }],
    ['numbers', z.looseRecord(z.number(), z.boolean()), { 1: true, x: 'on' }, { 1: true, x: 'on' }],
    [
      'in an intersection',
      z.intersection(z.object({ k: z.number() }), z.looseRecord(z.string().regex(/^x/), z.number())),
      { k: 1, xa: 2 },
      { k: 1, xa: 2 },
    ],
  ])('%s', (_name, schema, it, value) => {
    const whole = z.object({ it: schema })
    for (const [form, { nested, tree }] of Object.entries(PLAIN_FORMS)) {
      const outcome = staged(whole, { layers: [nested ? nestedLayer : storedLayer('base')] }).patch(
        0,
        tree(it),
      )
      expect(acceptedValue(outcome), form).toEqual({ it: value })
      expect(outcome.unused, form).toEqual([])
    }
    expect(acceptedValue(staged(whole).patch(0, keysOf({ it })))).toEqual({ it: value })
    expect(acceptedValue(staged(z.array(schema)).patch(0, { '': JSON.stringify([it]) }))).toEqual([value])
  })
})

describe('any value is merged leaf by leaf, whatever form it has', () => {
  test.each<[string, z.ZodType]>([
    ['unknown', z.unknown()],
    ['any JSON', z.json()],
    ['a loose object', z.looseObject({})],
    ['a union with unknown', z.union([z.number(), z.unknown()])],
  ])('%s', (_name, schema) => {
    const layers = [storedLayer('low'), { ...nestedLayer, name: 'high' }]
    for (const low of [{ '': '{"it": {"a": "x", "d": {"e": "y"}}}' }, { 'it/a': 'x', 'it/d/e': 'y' }]) {
      const { patch } = staged(z.object({ it: schema }), { layers })
      patch(0, low)
      expect(acceptedValue(patch(1, { 'it/b': 'z', 'it/d/f': 'w' }))).toEqual({
        it: { a: 'x', b: 'z', d: { e: 'y', f: 'w' } },
      })
      expect(acceptedValue(patch(1, { 'it/b': undefined, 'it/d/f': undefined }))).toEqual({
        it: { a: 'x', d: { e: 'y' } },
      })
    }
  })
})
