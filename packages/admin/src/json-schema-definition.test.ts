import { defineConfig, secret } from '@livetree/core'
import { isSecretAt, leavesOf, toJsonSchema } from '@livetree/core/tools'
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
