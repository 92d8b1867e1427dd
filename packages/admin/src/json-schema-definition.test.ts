import { defineConfig, restart, secret } from '@livetree/core'
import {
  isEncryptedAt,
  isEncryptedInsideAt,
  isRestartAt,
  isSecretAt,
  leavesOf,
  readText,
  toJsonSchema,
  validateTree,
} from '@livetree/core/tools'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { jsonSchemaDefinition } from './json-schema-definition.ts'

const TARGETS = ['draft-2020-12', 'draft-07', 'openapi-3.0'] as const
const PATH = ['top', ...Array.from({ length: 14 }, (_, level) => (level % 2 === 0 ? 'l' : 'r'))]

/** Each level uses the one below twice: large enough for references. */
function shared(inner: z.ZodType) {
  let top = inner
  for (let level = 0; level < 14; level++) top = z.object({ l: top, r: top.describe(`Level ${level}`) })
  return defineConfig({ name: 'x', schema: z.object({ top }) })
}

test.each(TARGETS)('jsonSchemaDefinition: a secret behind a reference stays one, in %s', (target) => {
  const inner = z.object({
    password: secret(z.string()),
    list: z.array(z.object({ token: secret(z.string()) })),
    open: z.number().default(5),
  })
  const made = toJsonSchema(shared(inner), { target })
  expect(JSON.stringify(made)).toContain('"$ref"')
  const read = jsonSchemaDefinition('x', made)
  expect(isSecretAt(read, [...PATH, 'password'])).toBe(true)
  expect(isSecretAt(read, [...PATH, 'list'])).toBe(true)
  expect(isSecretAt(read, [...PATH, 'open'])).toBe(false)
})

test.each(TARGETS)('jsonSchemaDefinition: what needs a restart still does, in %s', (target) => {
  const schema = z.object({
    port: restart(z.number()).default(80).describe('Where it listens'),
    workers: restart(z.object({ count: z.number() })),
    token: secret(restart(z.string())),
    pool: z.number(),
  })
  for (const [definition, at] of [
    [defineConfig({ name: 'x', schema }), []],
    [shared(schema), PATH],
  ] as const) {
    const read = jsonSchemaDefinition('x', toJsonSchema(definition, { target }))
    const needing = ['port', 'workers', 'token', 'pool'].filter((name) => isRestartAt(read, [...at, name]))
    expect(needing).toEqual(['port', 'workers', 'token'])
    expect(isSecretAt(read, [...at, 'token'])).toBe(true)
  }
})

test('jsonSchemaDefinition: a recursive schema comes back to itself, with its secrets', () => {
  const node = z.object({
    password: secret(z.string()),
    get next() {
      return node.optional()
    },
  })
  const definition = defineConfig({ name: 'x', schema: z.object({ top: node }) })
  const read = jsonSchemaDefinition('x', toJsonSchema(definition))
  expect(isSecretAt(read, ['top', 'password'])).toBe(true)
  expect(isSecretAt(read, ['top', 'next', 'next', 'password'])).toBe(true)
})

test('jsonSchemaDefinition: what is referred to has its leaves, and those that may be left out', () => {
  const schema = {
    type: 'object',
    properties: { a: { $ref: '#/$defs/pool' }, b: { $ref: '#/$defs/pool', description: 'Second' } },
    $defs: { pool: { type: 'object', properties: { max: { type: 'number', default: 3 } } } },
  }
  const leaves = leavesOf(jsonSchemaDefinition('x', schema))
  expect(leaves.map((leaf) => [leaf.key, leaf.default, leaf.isOptional])).toEqual([
    ['a/max', 3, true],
    ['b/max', 3, true],
  ])
})

test.each(['#/$defs/none', '#/$defs/loop', 'http://x/y'])(
  'jsonSchemaDefinition: refuses a reference to %s',
  ($ref) => {
    const schema = { type: 'object', properties: { a: { $ref } }, $defs: { loop: { $ref: '#/$defs/loop' } } }
    expect(() => jsonSchemaDefinition('x', schema)).toThrow(/^\[invalid_options\]/)
  },
)

test.each<[string, object, RegExp]>([
  [
    'names by pattern',
    { type: 'object', patternProperties: { '^a': { type: 'number' } } },
    /"patternProperties"/,
  ],
  ['a least number of properties', { type: 'object', properties: {}, minProperties: 1 }, /"minProperties"/],
  [
    'names beside properties',
    { type: 'object', properties: {}, propertyNames: { pattern: 'a' } },
    /"propertyNames"/,
  ],
  ['a condition', { type: 'object', properties: {}, if: {} }, /"if"/],
  ['what is dependent', { anyOf: [{ type: 'string' }], not: { const: 'x' } }, /"not"/],
  [
    'what a list has to hold',
    { type: 'array', items: { type: 'string' }, contains: { const: 'x' } },
    /"contains"/,
  ],
  ['a reference in what is not read', { type: 'string', contentSchema: { $ref: '#' } }, /reference/],
])('jsonSchemaDefinition: refuses to judge by %s, and names it', (_name, part, message) => {
  const schema = { type: 'object', properties: { a: part } }
  expect(() => jsonSchemaDefinition('x', schema)).toThrow(/^\[invalid_options\].*cannot be read: /)
  expect(() => jsonSchemaDefinition('x', schema)).toThrow(message)
})

test('jsonSchemaDefinition: refuses a map whose names are told by a pattern, which toJsonSchema can write', () => {
  const schema = z.object({ a: z.looseRecord(z.string().regex(/^a/), z.number()) })
  const made = toJsonSchema(defineConfig({ name: 'x', schema }))
  expect(() => jsonSchemaDefinition('x', made)).toThrow(/"patternProperties" is not read/)
})

test.each(TARGETS)('jsonSchemaDefinition: what is nullable takes null, in %s', (target) => {
  const schema = z.object({
    a: z.object({ b: z.number() }).nullable(),
    c: z.record(z.string(), z.number()).nullable(),
  })
  const read = jsonSchemaDefinition('x', toJsonSchema(defineConfig({ name: 'x', schema }), { target }))
  expect(z.safeParse(read.schema, { a: null, c: null }).success).toBe(true)
  expect(z.safeParse(read.schema, { a: { b: 'x' }, c: null }).success).toBe(false)
})

test('jsonSchemaDefinition: names are written to the tree as the definition has them', () => {
  for (const naming of ['exact', 'kebab-case', 'snake_case'] as const) {
    const schema = z.object({ passWord: z.string() })
    const json = toJsonSchema(defineConfig({ name: 'x', schema, naming }))
    expect(jsonSchemaDefinition('x', json).naming).toBe(naming)
  }
  expect(() => jsonSchemaDefinition('x', { type: 'object', 'x-naming': 'Pascal' })).toThrow('cannot be read')
})

const BIG = 123_456_789_012_345_678_901_234_567_890n
const integers: Record<string, z.ZodType> = {
  plain: z.bigint(),
  limited: z.bigint().min(1n),
  'of 64 bits': z.int64(),
  coerced: z.coerce.bigint(),
  optional: z.bigint().optional(),
  nullable: z.bigint().nullable(),
  'with a default': z.bigint().default(5n).describe('How many'),
  secret: secret(z.bigint()),
  encrypted: secret(z.bigint(), { encrypted: true }),
  'that needs a restart': restart(z.bigint()),
  'or true': z.union([z.bigint(), z.boolean()]),
}

test.each(TARGETS.flatMap((target) => Object.keys(integers).map((name) => [name, target] as const)))(
  'jsonSchemaDefinition: takes an integer of any size where the schema has a bigint: %s, in %s',
  (name, target) => {
    const value = integers[name] ?? z.never()
    const shape = { v: value, l: z.array(value), d: z.object({ v: value }), r: z.record(z.string(), value) }
    const schema = z.object({ ...shape, n: z.int().default(0) })
    const read = jsonSchemaDefinition('x', toJsonSchema(defineConfig({ name: 'x', schema }), { target }))
    const judged = (big: string) => {
      const leaves = { v: big, l: `[${big}]`, d: `{"v":${big}}`, 'r/k': big }
      const values = Object.entries(leaves).map(([path, text]) => ({ path, value: text, revision: 0 }))
      const layer = { ...{ name: 'x', keyPrefix: '', separator: '/' }, naming: 'stored' as const }
      return validateTree(read, [{ name: 'x', layers: [layer], leaves: [values] }])
    }
    const small = name === 'of 64 bits' ? '9007199254740993' : String(BIG)
    expect(judged(small)).toMatchObject({ type: 'valid' })
    expect(judged('5')).toMatchObject({ type: 'valid', value: { v: 5, l: [5], d: { v: 5 }, r: { k: 5 } } })
    expect(judged('5.5').type).toBe('invalid')
    expect(judged('five').type).toBe('invalid')
  },
)

test('jsonSchemaDefinition: takes no larger integer where the schema has a number', () => {
  const schema = z.object({ n: z.int() })
  const read = jsonSchemaDefinition('x', toJsonSchema(defineConfig({ name: 'x', schema })))
  expect(readText(read, 'n', String(BIG))).toBeUndefined()
})

test('jsonSchemaDefinition: a part whose inside is not read here has its encrypted values somewhere inside', () => {
  const pw = { type: 'string', writeOnly: true, 'x-encrypted': true }
  const read = jsonSchemaDefinition('x', {
    type: 'object',
    properties: { pw, a: { type: 'object', properties: { pw }, anyOf: [{ required: ['pw'] }, {}] } },
  })
  expect(['pw', 'a', 'a.pw'].map((path) => isEncryptedInsideAt(read, path))).toEqual([false, true, true])
  expect(['pw', 'a.pw'].map((path) => isEncryptedAt(read, path))).toEqual([true, true])
})

const words = [
  'yes',
  'YES',
  'no',
  'maybe',
  '',
  'ja',
  'JA',
  'Nein',
  'a.b',
  'axb',
  '["a","b"]',
  '["a","a"]',
  '[]',
  'a',
  '{"a":1}',
]
const kinds: Readonly<Record<string, z.ZodType>> = {
  stringbool: z.stringbool(),
  'stringbool with a default': z.stringbool().default(false),
  'stringbool of words of its own': z.stringbool({ truthy: ['Ja', 'a.b'], falsy: ['nein'] }),
  'stringbool of words in one case': z.stringbool({ truthy: ['Ja'], falsy: ['Nein'], case: 'sensitive' }),
  boolean: z.boolean(),
  set: z.set(z.string()),
  'set with a default': z.set(z.string()).default(new Set(['x'])),
  list: z.array(z.string()),
}

test.each(TARGETS.flatMap((target) => Object.keys(kinds).map((name) => [name, target] as const)))(
  'jsonSchemaDefinition: takes the texts that the code takes, of a %s in %s',
  (name, target) => {
    const definition = defineConfig({ name: 'x', schema: z.object({ a: kinds[name] ?? z.never() }) })
    const read = jsonSchemaDefinition('x', toJsonSchema(definition, { target }))
    const taken = (by: typeof read) => words.filter((text) => readText(by, ['a'], text) !== undefined)
    const isSet = name.startsWith('set')
    // A set has an item once that the text has twice.
    expect(taken(read)).toEqual(taken(definition as never).filter((text) => !isSet || text !== '["a","a"]'))
    expect(taken(read).length).toBeGreaterThan(0)
  },
)

test('jsonSchemaDefinition: a default is that of the code, as JSON has it', () => {
  const schema = z.object({
    set: z.set(z.string()).default(new Set(['x'])),
    map: z.map(z.string(), z.number()).default(new Map([['x', 1]])),
    bytes: z.instanceof(Uint8Array).default(new Uint8Array([104, 105])),
    given: z.set(z.string()).prefault(new Set(['y'])),
    inside: z.object({ set: z.set(z.number()) }).default({ set: new Set([1]) }),
  })
  const read = jsonSchemaDefinition('x', toJsonSchema(defineConfig({ name: 'x', schema })))
  expect(z.parse(read.schema as z.ZodType, {})).toEqual({
    set: ['x'],
    map: { x: 1 },
    bytes: 'aGk=',
    given: ['y'],
    inside: { set: [1] },
  })
})
