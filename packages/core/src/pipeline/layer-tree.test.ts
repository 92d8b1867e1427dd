import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { compileSchema } from '../schema/compile-schema.ts'
import { Unreadable } from '../source/source.ts'
import { Decoder } from './decode.ts'
import { leafList } from './leaf-list.ts'
import { LayerTree } from './layer-tree.ts'
import { issuesOf, read, staged, storedLayer, type Tree, acceptedValue } from './staged.test.kit.ts'
import type { TreeNode } from './tree-node.ts'

const db = z.object({
  host: z.string().default('localhost'),
  port: z.number().default(5432),
  tags: z.array(z.string()).default([]),
})
const schema = z.object({ db, flags: z.record(z.string(), z.boolean()) })

const THREE = { layers: [storedLayer('file'), storedLayer('base'), storedLayer('prod')] }

describe('LayerTree: later layers win, leaf by leaf', () => {
  test('and what they take away comes back from below', () => {
    const { patch } = staged(schema, THREE)
    patch(1, { 'db/host': 'base', 'db/port': '1', 'flags/a': 'on' })
    const whole = acceptedValue(patch(2, { 'db/port': '2', 'flags/b': 'off' }))
    expect(whole).toEqual({ db: { host: 'base', port: 2, tags: [] }, flags: { a: true, b: false } })
    expect(acceptedValue(patch(0, { 'db/host': 'file', 'db/port': '0' }))).toBe(whole)
    expect(acceptedValue(patch(2, { 'db/port': undefined }))).toMatchObject({ db: { port: 1 } })
    expect(acceptedValue(patch(1, { 'db/port': undefined }))).toMatchObject({ db: { port: 0, host: 'base' } })
    expect(acceptedValue(patch(0, { 'db/port': undefined }))).toMatchObject({ db: { port: 5432 } })
  })

  test('documents and keys of different layers merge, whichever is above', () => {
    const { patch } = staged(schema, THREE)
    patch(0, { db: { host: 'typed', port: 1 } })
    patch(1, { 'db/port': '2' })
    patch(2, { db: '{"tags": ["x"]}' })
    expect(acceptedValue(patch(2, { 'flags/a': '1' }))).toEqual({
      db: { host: 'typed', port: 2, tags: ['x'] },
      flags: { a: true },
    })
    expect(acceptedValue(patch(0, { db: undefined }))).toMatchObject({ db: { host: 'localhost', port: 2 } })
  })

  test('the highest document counts, in whatever order they came', () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [2, 0, 1],
    ]) {
      const { patch } = staged(z.object({ it: db.nullable() }), THREE)
      const trees: Tree[] = [{ it: {} }, { it: 'null' }, { it: '{}' }]
      const outcomes = order.map((layer) => patch(layer, trees[layer]!))
      expect(acceptedValue(outcomes.at(-1)!)).toMatchObject({ it: { host: 'localhost' } })
      expect(acceptedValue(patch(2, { it: undefined }))).toEqual({ it: null })
    }
  })

  test('a list is supplied whole by the highest layer that has it', () => {
    const { patch } = staged(schema)
    patch(0, { 'db/tags/0': 'a', 'db/tags/1': 'b', 'db/tags/2': 'c' })
    expect(acceptedValue(patch(1, { 'db/tags/0': 'x' }))).toMatchObject({ db: { tags: ['x'] } })
    expect(acceptedValue(patch(1, { 'db/tags/0': undefined, 'db/tags': '[]' }))).toMatchObject({
      db: { tags: [] },
    })
    expect(acceptedValue(patch(1, { 'db/tags': undefined }))).toMatchObject({ db: { tags: ['a', 'b', 'c'] } })
  })

  test.each<[string, z.ZodType, Tree, Tree, unknown]>([
    ['a null above a directory', db.nullable(), { 'it/host': 'x' }, { it: 'null' }, null],
    [
      'a directory above a null',
      db.nullable(),
      { it: 'null\n' },
      { 'it/host': 'x' },
      { host: 'x', port: 5432, tags: [] },
    ],
    [
      'an empty document above a directory takes nothing away',
      db,
      { 'it/host': 'x' },
      { it: '{}' },
      { host: 'x', port: 5432, tags: [] },
    ],
    [
      'an empty document above a null is a directory',
      db.nullable(),
      { it: 'null' },
      { it: {} },
      { host: 'localhost', port: 5432, tags: [] },
    ],
    [
      'an empty object inside a document, above',
      z.object({ o: db }),
      { 'it/o/host': 'x' },
      { it: '{"o": {}}' },
      { o: { host: 'x', port: 5432, tags: [] } },
    ],
    [
      'an empty object inside a document, below',
      z.object({ o: db }),
      { it: '{"o": {}}' },
      { 'it/o/host': 'x' },
      { o: { host: 'x', port: 5432, tags: [] } },
    ],
    [
      'an empty object inside a document above a null',
      z.object({ o: db.nullable() }),
      { 'it/o': 'null' },
      { it: '{"o": {}}' },
      { o: { host: 'localhost', port: 5432, tags: [] } },
    ],
    [
      'text above a directory, where either will do',
      z.union([z.string(), db]),
      { 'it/host': 'x' },
      { it: 'y' },
      'y',
    ],
    [
      'a directory above text, where either will do',
      z.union([z.string(), db]),
      { it: 'y' },
      { 'it/host': 'x' },
      { host: 'x', port: 5432, tags: [] },
    ],
    ['a directory above a list as text', z.array(z.string()), { it: '["a"]' }, { 'it/0': 'b' }, ['b']],
    ['text above an unknown directory', z.unknown(), { 'it/a': 'x' }, { it: 'y' }, 'y'],
    ['an unknown directory above text', z.unknown(), { it: 'y' }, { 'it/a': 'x' }, { a: 'x' }],
    ['a list below a document above', z.json(), { 'it/0': 'x' }, { it: '{"a": 1}' }, { 0: 'x', a: 1 }],
    ['keys below a leaf do not hide it', z.string(), { it: 'y' }, { 'it/a': 'x' }, 'y'],
  ])('%s', (_name, it, base, prod, value) => {
    const { patch } = staged(z.object({ it }))
    patch(0, base)
    expect(acceptedValue(patch(1, prod))).toEqual({ it: value })
    // and in the other order of arrival
    const other = staged(z.object({ it }))
    other.patch(1, prod)
    expect(acceptedValue(other.patch(0, base))).toEqual({ it: value })
  })

  test('a scalar where only a directory can be is refused, also when a higher layer covers it', () => {
    const { patch } = staged(schema)
    patch(0, { db: 'text' })
    const issues = issuesOf(patch(1, { 'db/host': 'x' }))
    expect(issues).toMatchObject([
      { code: 'unreadable', pathText: 'db', origins: [{ key: '/base/db', revision: 1 }] },
    ])
    expect(patch(0, { db: undefined }).type).toBe('accepted')
  })
})

describe('LayerTree: a document and keys below it in one layer are a conflict', () => {
  const kinds: [string, z.ZodType, unknown, Tree][] = [
    [
      'an object',
      z.object({ a: z.string().optional(), b: z.string().optional() }),
      '{"a": "1"}',
      { 'it/b': '2' },
    ],
    [
      'an object, typed',
      z.object({ a: z.string().optional(), b: z.string().optional() }),
      { a: '1' },
      { 'it/b': '2' },
    ],
    ['an object, the same leaf', z.object({ a: z.string().optional() }), '{"a": "1"}', { 'it/a': '2' }],
    ['an object, deeper', z.object({ o: z.object({ a: z.string().optional() }) }), '{}', { 'it/o/a': '2' }],
    ['an object, text', z.object({ b: z.string().optional() }).or(z.string()), 'text', { 'it/b': '2' }],
    ['a null', z.object({ b: z.string().optional() }).nullable(), 'null', { 'it/b': '2' }],
    ['a record', z.record(z.string(), z.string()), '{"a": "1"}', { 'it/b': '2' }],
    ['an array', z.array(z.string()), '["1"]', { 'it/0': '2' }],
    ['an array, deeper', z.array(z.array(z.string())), '[["1"]]', { 'it/0/0': '2' }],
    ['a set', z.set(z.string()), '["1"]', { 'it/0': '2' }],
    ['a map', z.map(z.string(), z.string()), '{"a": "1"}', { 'it/b': '2' }],
    ['unknown', z.unknown(), 'text', { 'it/b': '2' }],
    ['json', z.json(), '[]', { 'it/0': '2' }],
  ]

  test.each(kinds)('%s: both keys are named, and it heals when either goes', (_name, it, document, keys) => {
    const [key] = Object.keys(keys) as [string]
    const gone = { [key]: undefined }
    for (const isDocumentFirst of [true, false]) {
      const { patch } = staged(z.object({ it }))
      patch(0, isDocumentFirst ? { it: document } : keys)
      const issues = issuesOf(patch(0, isDocumentFirst ? keys : { it: document }))
      expect(issues[0]).toMatchObject({ code: 'conflict', pathText: 'it' })
      expect(issues[0]?.message).toMatch(`/base/it and /base/${key}`)
      expect(issues[0]?.origins.map((origin) => origin.key)).toEqual(['/base/it', `/base/${key}`])
      expect(patch(0, gone).type).toBe(isDocumentFirst ? 'unchanged' : 'accepted')
      expect(issuesOf(patch(0, keys))[0]?.code).toBe('conflict')
      expect(patch(0, { it: undefined }).type).toBe('accepted')
    }
  })

  test('heals also after the document was written anew, or became a scalar, while in conflict', () => {
    const { patch } = staged(schema)
    patch(0, { db: '{"port": 1}', 'db/host': 'x' })
    expect(issuesOf(patch(0, { db: '{"port": 2}' }))).toMatchObject([
      { code: 'conflict', origins: [{ revision: 2 }, { revision: 1 }] },
    ])
    expect(issuesOf(patch(0, { db: 'text' })).map(({ code }) => code)).toEqual(['conflict', 'invalid_type'])
    expect(issuesOf(patch(0, { db: '{"port": 3}' }))).toMatchObject([{ code: 'conflict' }])
    expect(acceptedValue(patch(0, { 'db/host': undefined }))).toMatchObject({
      db: { port: 3, host: 'localhost' },
    })
  })

  test('a document below a value, or below another document', () => {
    const { patch } = staged(
      z.object({ it: z.array(z.object({ a: z.string() })).optional(), o: z.object({ p: db }).optional() }),
    )
    expect(issuesOf(patch(0, { it: '[]', 'it/0': { a: 'x' } }))).toMatchObject([
      { code: 'conflict', pathText: 'it' },
    ])
    expect(issuesOf(patch(0, { it: undefined, o: '{}', 'o/p': '{}' }))).toMatchObject([
      { code: 'conflict', pathText: 'o' },
    ])
    expect(patch(0, { o: undefined }).type).toBe('accepted')
  })

  test.each(kinds)('%s: in two layers there is none', (_name, it, document, keys) => {
    const { patch } = staged(z.object({ it }))
    patch(0, { it: document })
    expect(patch(1, keys).type).not.toBe('rejected')
  })

  test.each(kinds)('%s: by replace as by patch', (_name, it, document, keys) => {
    const { replace } = staged(z.object({ it }))
    expect(issuesOf(replace(0, { it: document, ...keys }))[0]?.code).toBe('conflict')
    expect(replace(0, { it: document }).type).toBe('accepted')
    expect(issuesOf(replace(0, { ...keys, it: document }))[0]?.code).toBe('conflict')
    expect(replace(0, keys).type).toBe('accepted')
  })

  test('keys below a leaf are unused, no conflict', () => {
    const outcome = staged(z.object({ it: z.string() })).patch(0, { it: 'x', 'it/a': 'y' })
    expect(outcome).toMatchObject({ type: 'accepted', value: { it: 'x' }, unused: [{ pathText: 'it.a' }] })
  })

  test('a document at the root of a layer', () => {
    const { patch } = staged(schema)
    expect(acceptedValue(patch(0, { '': '{"db": {"port": 1}, "flags": {"a": true}}' }))).toMatchObject({
      db: { port: 1 },
      flags: { a: true },
    })
    expect(issuesOf(patch(0, { 'db/host': 'x' }))[0]?.message).toMatch('/base and /base/db/host')
    expect(acceptedValue(patch(0, { '': undefined }))).toMatchObject({ db: { port: 5432, host: 'x' } })
  })
})

describe('LayerTree: a document that is replaced', () => {
  test('keeps the identity of all that is equal in it, and loses what it has no more', () => {
    const { patch } = staged(
      z.object({
        a: z.object({ x: z.number(), o: z.record(z.string(), z.number()), l: z.array(z.number()) }),
      }),
    )
    const before = acceptedValue(patch(0, { a: '{"x": 1, "o": {"p": 1, "q": 2}, "l": [1]}' })) as {
      a: Record<string, unknown>
    }
    const after = acceptedValue(patch(0, { a: '{"l": [1], "x": 2, "o": {"q": 2, "p": 1}}' })) as {
      a: Record<string, unknown>
    }
    expect(after.a).toMatchObject({ x: 2 })
    expect(after.a.o).toBe(before.a.o)
    expect(after.a.l).toBe(before.a.l)
    expect(acceptedValue(patch(0, { a: '{"x": 2, "o": {"q": 2}, "l": [1]}' }))).toEqual({
      a: { x: 2, o: { q: 2 }, l: [1] },
    })
    expect(patch(0, { a: '{"x":2,"o":{"q":2},"l":[1]}' }).type).toBe('unchanged')
  })

  test('takes the names that have no place with it', () => {
    const { patch } = staged(schema)
    expect(patch(0, { flags: '{"__proto__": true, "a": true}' }).unused).toMatchObject([
      { origin: { key: '/base/flags/__proto__' }, reason: expect.stringMatching('__proto__') },
    ])
    expect(patch(0, { flags: '{"a": true}' }).unused).toEqual([])
    expect(patch(0, { flags: '{"__proto__": false}' }).unused).toHaveLength(1)
    expect(patch(0, { flags: undefined }).unused).toEqual([])
  })

  test('by keys of its own, or they by it, is the same value', () => {
    const { patch } = staged(z.object({ flags: z.record(z.string(), z.boolean()) }))
    const value = acceptedValue(patch(0, { flags: '{"a": true, "b": false}' }))
    expect(patch(0, { flags: undefined, 'flags/a': 'on', 'flags/b': 'off' })).toEqual({
      type: 'unchanged',
      value,
      unused: [],
    })
    expect(patch(0, { 'flags/a': undefined, 'flags/b': undefined, flags: { a: true, b: false } }).type).toBe(
      'unchanged',
    )
  })

  test('by a scalar and back', () => {
    const { patch } = staged(z.object({ it: z.union([db, z.string()]) }))
    patch(0, { it: { host: 'x' } })
    expect(acceptedValue(patch(0, { it: 'text' }))).toEqual({ it: 'text' })
    expect(acceptedValue(patch(0, { it: { port: 1 } }))).toMatchObject({ it: { host: 'localhost', port: 1 } })
  })

  test('JSON with a name twice says so, and neither of the two is taken', () => {
    const { patch } = staged(schema)
    const [issue] = issuesOf(patch(0, { db: '{"port": 1, "port": 2}' }))
    expect(issue).toMatchObject({ code: 'unreadable', pathText: 'db' })
    expect(issue!.message).toMatch(/a name given twice/)
  })

  test('JSON inside JSON is read by the schema too', () => {
    const tree = { db: JSON.stringify({ host: 'x', tags: '["a"]' }) }
    expect(read(schema, tree)).toMatchObject({ db: { host: 'x', tags: ['a'] } })
    expect(read(schema, { '': JSON.stringify({ db: '{"port": 7}' }) })).toMatchObject({ db: { port: 7 } })
  })
})

describe('LayerTree: segments', () => {
  const flags = z.object({ flags: z.record(z.string(), z.string()) })

  test.each([
    ['flags/a%2Fb', 'a/b'],
    ['flags/100%25', '100%'],
    ['flags/a b', 'a b'],
    ['flags/ä.ö', 'ä.ö'],
    ['flags/', ''],
    ['flags/constructor', 'constructor'],
    ['flags/toString', 'toString'],
    ['flags/hasOwnProperty', 'hasOwnProperty'],
    ['flags/prototype', 'prototype'],
  ])('%s is the key %j', (path, key) => {
    const { pipeline, patch } = staged(flags)
    const { flags: value } = acceptedValue(patch(0, { [path]: 'x' })) as { flags: Record<string, string> }
    expect(Object.entries(value)).toEqual([[key, 'x']])
    expect(pipeline.explain(['flags', key]).layers[0]?.origin.key).toBe(`/base/${path}`)
    expect(pipeline.leaves(0, { withSecrets: true })).toEqual([[{ path, value: 'x', revision: 1 }]])
    expect(acceptedValue(patch(0, { [path]: undefined }))).toEqual({ flags: {} })
  })

  test.each([
    ['flags/%zz', 'not valid percent-encoded'],
    ['flags/%ff', 'not valid percent-encoded'],
    ['flags/100%', 'not valid percent-encoded'],
    ['flags/x%41', 'has to be written xA'],
    ['flags/a%2fb', 'has to be written a%2Fb'],
    ['flags/__proto__', '__proto__'],
    ['__proto__/polluted', '__proto__'],
    [Array.from({ length: 101 }, () => 'a').join('/'), 'more than 100 levels'],
  ])('%s has no place, which is reported and heals', (path, reason) => {
    const { patch, replace } = staged(flags)
    const outcome = patch(0, { [path]: 'x', 'flags/xA': '1' })
    expect(outcome).toMatchObject({ type: 'accepted', value: { flags: { xA: '1' } } })
    expect(outcome.unused).toMatchObject([{ origin: { key: `/base/${path}`, revision: 1 } }])
    expect(outcome.unused[0]?.reason).toContain(reason)
    // the key that has no place takes nothing from the one that has
    expect(patch(0, { [path]: undefined })).toMatchObject({ type: 'unchanged', unused: [] })
    expect(replace(0, { [path]: 'x' }).unused).toHaveLength(1)
    expect(replace(0, { [path]: 'x' }).unused).toHaveLength(1)
    expect(replace(0, {}).unused).toEqual([])
  })

  test('a layer that held nothing else forgets a key without a place too', () => {
    const { replace } = staged(flags)
    expect(replace(0, { 'flags/%zz': 'x' }).unused).toHaveLength(1)
    expect(replace(0, {}).unused).toEqual([])
  })

  test('an empty segment where no record is, as a directory marker has, is one more key', () => {
    const outcome = staged(z.object({ db })).patch(0, { 'db/': '', 'db/host': 'x' })
    expect(outcome).toMatchObject({
      type: 'accepted',
      value: { db: { host: 'x' } },
      unused: [{ pathText: 'db.""' }],
    })
  })

  test('taking away what was never there changes nothing', () => {
    const { patch } = staged(flags)
    patch(0, { 'flags/a': '1' })
    expect(
      patch(0, { 'flags/b': undefined, 'flags/a/b/c': undefined, 'x/y': undefined, '': undefined }).type,
    ).toBe('unchanged')
  })
})

describe('LayerTree: no name pollutes a prototype', () => {
  const attack = '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}'

  test.each<[string, z.ZodType, Tree]>([
    ['a record', z.record(z.string(), z.unknown()), { it: attack }],
    [
      'a record of records',
      z.record(z.string(), z.record(z.string(), z.unknown())),
      { it: attack, 'it2/__proto__/polluted': '1' },
    ],
    ['an object', z.object({ constructor: z.unknown() }), { it: attack }],
    ['a loose object', z.looseObject({}), { it: attack }],
    ['unknown, typed', z.unknown(), { it: JSON.parse(attack) }],
    ['a list of unknowns', z.array(z.unknown()), { it: `[${attack}]` }],
    ['a list of loose objects', z.array(z.looseObject({})), { it: `[${attack}]` }],
    ['json', z.json(), { it: attack }],
    ['a map', z.map(z.string(), z.unknown()), { it: attack }],
    ['a preprocess', z.preprocess((value) => value, z.unknown()), { it: JSON.parse(attack) }],
    ['an intersection', z.intersection(z.unknown(), z.looseObject({})), { it: `${attack}` }],
    [
      'keys',
      z.record(z.string(), z.unknown()),
      { 'it/__proto__/polluted': '1', 'it/constructor/prototype/polluted': '1' },
    ],
  ])('%s', (_name, it, tree) => {
    const { patch } = staged(z.object({ it }).loose())
    const outcome = patch(0, tree)
    const look = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      expect(
        (value as { polluted?: unknown }).polluted === undefined || Object.hasOwn(value, 'polluted'),
      ).toBe(true)
      for (const inner of value instanceof Map ? value.values() : Object.values(value)) look(inner)
    }
    look(acceptedValue(outcome))
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })
})

describe('LayerTree: what cannot be read', () => {
  const bad = new Unreadable('not UTF-8')

  test.each<[string, z.ZodType, Tree, string]>([
    ['a leaf', z.string(), { it: bad }, 'it'],
    ['an optional leaf', z.string().optional(), { it: bad }, 'it'],
    ['a leaf with a catch', z.string().catch('x'), { it: bad }, 'it'],
    ['a leaf of an object', z.object({ a: z.string() }), { 'it/a': bad }, 'it.a'],
    ['a leaf of a refined object', z.object({ a: z.string() }).refine(() => true), { 'it/a': bad }, 'it.a'],
    ['where an object is', z.object({}), { it: bad }, 'it'],
    ['in a record', z.record(z.string(), z.string()), { 'it/a': bad }, 'it.a'],
    ['in a list', z.array(z.string()), { 'it/0': 'x', 'it/1': bad }, 'it.1'],
    ['in a typed list', z.array(z.unknown()), { it: ['x', [bad]] }, 'it'],
    ['in a map', z.map(z.string(), z.string()), { 'it/a': bad }, 'it.a'],
    ['in a union', z.union([z.object({ a: z.string() }), z.number()]), { 'it/a': bad }, 'it.a'],
    ['where a union is', z.union([z.string(), z.number()]), { it: bad }, 'it'],
    [
      'in an intersection',
      z.intersection(z.object({ a: z.string() }), z.object({})),
      { 'it/a': bad },
      'it.a',
    ],
    ['in what is unknown', z.unknown(), { 'it/a/b': bad }, 'it.a.b'],
    ['below a loose object', z.looseObject({}), { 'it/a/b': bad }, 'it.a.b'],
    ['in json', z.json(), { 'it/a/b': bad }, 'it.a.b'],
  ])('%s: makes the tree invalid, and heals', (_name, it, tree, pathText) => {
    const { patch } = staged(z.object({ it: it.optional() }))
    expect(issuesOf(patch(0, tree))).toMatchObject([
      { code: 'unreadable', pathText, message: expect.stringMatching(/not UTF-8/) },
    ])
    const gone = Object.fromEntries(Object.keys(tree).map((key) => [key, undefined]))
    expect(patch(0, gone).type).toBe('accepted')
  })

  test('does not stop zod from saying what else is wrong', () => {
    const it = z.object({ a: z.string(), b: z.number(), c: z.number() }).refine(() => true)
    const issues = issuesOf(staged(z.object({ it })).patch(0, { 'it/a': bad, 'it/b': 'x' }))
    expect(issues.map(({ code, pathText }) => [code, pathText])).toEqual([
      ['unreadable', 'it.a'],
      ['invalid_type', 'it.b'],
      ['invalid_type', 'it.c'],
    ])
  })

  test('matters not where a higher layer has the leaf, nor where the schema knows nothing', () => {
    const { patch } = staged(z.object({ it: z.string() }))
    patch(0, { it: bad, other: bad })
    expect(patch(1, { it: 'x' })).toMatchObject({
      type: 'accepted',
      value: { it: 'x' },
      unused: [{ pathText: 'other' }],
    })
  })
})

describe('LayerTree: documents too deep or too large', () => {
  interface Nested {
    [name: string]: Nested
  }
  const nested: z.ZodType<Nested> = z.record(
    z.string(),
    z.lazy(() => nested),
  )
  const deepJson = (depth: number) => `${'{"a":'.repeat(depth)}{}${'}'.repeat(depth)}`
  const deepList = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const circle: Record<string, unknown> = {}
  circle.self = [circle]

  test.each<[string, z.ZodType, unknown]>([
    ['JSON, 1,000 levels', nested, deepJson(1_000)],
    ['JSON, 100,000 levels', nested, deepJson(100_000)],
    ['typed, 1,000 levels', nested, JSON.parse(deepJson(1_000))],
    ['typed, inside itself', nested, circle],
    ['typed and inside itself, where all is taken', z.unknown(), circle],
    ['a list, typed, 1,000 levels', z.array(z.unknown()), JSON.parse(deepList(1_000))],
  ])('%s: unreadable', (_name, it, value) => {
    const { patch } = staged(z.object({ it: it.optional() }))
    expect(issuesOf(patch(0, { it: value }))).toMatchObject([
      { code: 'unreadable', pathText: 'it', message: expect.stringMatching(/deeper than 100 levels/) },
    ])
    expect(patch(0, { it: undefined }).type).toBe('accepted')
  })

  test.each([102, 1_000, 100_000])('a list of %i levels as text is too deep', (depth) => {
    const issues = issuesOf(staged(z.object({ it: z.array(z.unknown()) })).patch(0, { it: deepList(depth) }))
    expect(issues).toMatchObject([
      { code: 'unreadable', message: expect.stringMatching(/deeper than 100 levels/) },
    ])
  })

  test('90 levels are read', () => {
    expect(read(z.object({ it: nested }), { it: deepJson(90) })).toEqual({ it: JSON.parse(deepJson(90)) })
  })

  test('a part that is shared, not circular, is read as often as it stands there', () => {
    const part = { a: 'x' }
    expect(read(z.object({ it: z.array(z.object({ a: z.string() })) }), { it: [part, part] })).toEqual({
      it: [part, part],
    })
  })

  test.each<[string, z.ZodType, string]>([
    ['text', z.string(), 'x'.repeat(1_572_864)],
    ['bytes', z.instanceof(Uint8Array), 'QUJD'.repeat(393_216)],
    ['a JSON document', z.record(z.string(), z.string()), JSON.stringify({ a: 'x'.repeat(1_572_000) })],
    ['a JSON list', z.array(z.number()), JSON.stringify(Array.from({ length: 200_000 }, (_, n) => n))],
  ])('1.5 MiB: %s', (_name, it, text) => {
    const { patch } = staged(z.object({ it }))
    expect(patch(0, { it: text }).type).toBe('accepted')
    expect(patch(0, { it: text }).type).toBe('unchanged')
  })

  test('1.5 MiB that does not fit is cut in the issue', () => {
    const [issue] = issuesOf(staged(z.object({ it: z.number() })).patch(0, { it: 'x'.repeat(1_572_864) }))
    expect(issue?.received).toBe(`"${'x'.repeat(79)}…`)
  })
})

describe('LayerTree: keeps nothing of what is gone', () => {
  const info = storedLayer('base')
  const leaf = (path: string, value: unknown) => ({ path, value, revision: 1 })
  const count = (node: TreeNode): number => [...node.children].reduce((sum, child) => sum + count(child), 1)

  test.each<[string, (tree: LayerTree) => void]>([
    [
      'keys that came and went',
      (tree) => {
        for (let n = 0; n < 100; n++) {
          tree.set(0, leaf(`flags/k${n}/deep`, 'x'))
          tree.set(0, leaf(`flags/k${n}/deep`, undefined))
        }
      },
    ],
    [
      'keys that never were',
      (tree) => {
        for (let n = 0; n < 100; n++) tree.set(0, leaf(`flags/k${n}/deep`, undefined))
      },
    ],
    [
      'keys that have no place',
      (tree) => {
        for (let n = 0; n < 100; n++) tree.set(0, leaf(`flags/k${n}/%zz`, 'x'))
      },
    ],
    [
      'a layer that was replaced',
      (tree) => {
        for (let n = 0; n < 100; n++)
          tree.replace(0, leafList([leaf(`flags/k${n}/deep`, 'x'), leaf('flags/a', 'on')]))
        tree.replace(0, leafList([leaf('flags/a', 'on')]))
      },
    ],
    [
      'documents that were replaced',
      (tree) => {
        for (let n = 0; n < 100; n++) tree.set(0, leaf('flags', `{"k${n}": true}`))
        tree.set(0, leaf('flags', '{"a": true}'))
      },
    ],
  ])('%s', (_name, act) => {
    const tree = new LayerTree(compileSchema(schema), [info], { isRenamed: false })
    act(tree)
    expect(count(tree.root)).toBeLessThanOrEqual(3)
  })

  test('keys that never were, in a tree that was judged', () => {
    const schemaNode = compileSchema(schema)
    const tree = new LayerTree(schemaNode, [info], { isRenamed: false })
    tree.set(0, leaf('flags/a', 'on'))
    new Decoder(schemaNode, tree).decode(undefined)
    const before = count(tree.root)
    for (let n = 0; n < 100; n++) tree.set(0, leaf(`flags/k${n}/deep`, undefined))
    expect(count(tree.root)).toBe(before)
  })
})

test('LayerTree: a document and a key that put text at one directory are listed in one order, whichever came first', () => {
  const record = z.object({ a: z.record(z.string(), z.string()) })
  const keys = { '': '{"a": 1}', a: '5', 'a/y': 'x' }
  const lists = [
    ['', 'a', 'a/y'],
    ['a', '', 'a/y'],
    ['a/y', 'a', ''],
  ].map((order) => {
    const { pipeline } = staged(record)
    const changes = order.map((path) => {
      return { layer: 0, leaf: { path, value: keys[path as keyof typeof keys], revision: 1 } }
    })
    pipeline.stage(0, { type: 'patch', update: { revision: 1, changes } })
    return issuesOf(pipeline.evaluate())
  })
  expect(lists[0]?.filter(({ pathText }) => pathText === 'a').length).toBeGreaterThan(1)
  expect(lists[1]).toEqual(lists[0])
  expect(lists[2]).toEqual(lists[0])
})

describe('LayerTree: replace', () => {
  test('takes away whatever the new layer has not, in any order, and nothing of other layers', () => {
    const { patch, replace } = staged(schema)
    patch(1, { 'flags/p': 'on' })
    replace(0, { 'db/host': 'a', 'db/port': '1', 'flags/x': 'on', 'flags/y': 'on' })
    expect(
      acceptedValue(
        replace(0, { 'flags/y': 'off', 'db/port': '1', 'flags/z': 'on' }, { allowRemoval: true }),
      ),
    ).toEqual({
      db: { host: 'localhost', port: 1, tags: [] },
      flags: { p: true, y: false, z: true },
    })
    expect(acceptedValue(replace(0, { db: '{"port": 2}' }, { allowRemoval: true }))).toMatchObject({
      db: { port: 2 },
      flags: { p: true },
    })
    expect(acceptedValue(replace(0, {}, { allowRemoval: true }))).toEqual({
      db: { host: 'localhost', port: 5432, tags: [] },
      flags: { p: true },
    })
  })

  test('by the same leaves at later revisions is no change, and moves the revisions', () => {
    const { pipeline, replace } = staged(schema)
    const tree = { 'db/host': 'a', 'flags/x': 'on', other: 'x' }
    replace(0, tree)
    expect(replace(0, tree).type).toBe('unchanged')
    expect(pipeline.explain('db.host').layers[0]?.origin.revision).toBe(2)
    expect(replace(0, tree).unused[0]?.origin.revision).toBe(3)
  })

  test('of a list that was prepared after another one was given up keeps nothing of that one', () => {
    const { pipeline } = staged(schema)
    const given = (path: string) => [{ path, value: 'x', revision: 1 }]
    pipeline.stageEarly(0, 0, leafList(given('flags/%zz')))
    const leaves = given('db/host')
    const lists = [leafList(leaves)]
    pipeline.stageEarly(0, 0, lists[0]!)
    leaves.push(...given('stranger'))
    pipeline.stage(0, { type: 'replace', update: { revision: 2, epoch: 0, layers: [leaves] }, lists })
    const outcome = pipeline.evaluate()
    expect(acceptedValue(outcome)).toMatchObject({ db: { host: 'x' } })
    expect(outcome.unused.map(({ origin }) => origin.key)).toEqual(['/base/stranger'])
  })

  test('reads neighbours and strangers alike, whatever stands between them', () => {
    const tree = {
      'db/host': 'a',
      'db/tags/0': 't',
      'db/port': '1',
      'flags/a%2Fb': 'on',
      'flags/%zz': 'on',
      'flags/c': 'on',
      'x/y': 'z',
      'db/tags/1': 'u',
    }
    const { replace } = staged(schema)
    const outcome = replace(0, tree)
    expect(acceptedValue(outcome)).toEqual({
      db: { host: 'a', port: 1, tags: ['t', 'u'] },
      flags: { 'a/b': true, c: true },
    })
    expect(outcome.unused.map(({ origin }) => origin.key)).toEqual(['/base/x/y', '/base/flags/%zz'])
  })
})
