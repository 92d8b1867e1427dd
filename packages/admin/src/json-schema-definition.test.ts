import { defineConfig, restart, secret } from '@livetree/core'
import { isRestartAt, isSecretAt, leavesOf, toJsonSchema } from '@livetree/core/tools'
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
