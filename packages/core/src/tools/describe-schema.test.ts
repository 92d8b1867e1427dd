import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { restart } from '../schema/restart.ts'
import { secret } from '../schema/secret.ts'
import { toJsonSchema } from './json-schema.ts'
import { leavesOf } from './leaves-of.ts'
import { isRestartAt } from './restart-at.ts'
import { isSecretAt, isTextOpenAt } from './secrets-at.ts'

const node = z.object({
  size: z.number(),
  get left() {
    return node.optional()
  },
})
const definition = defineConfig({
  name: 'x',
  naming: 'kebab-case',
  schema: z.object({
    maxSize: z.number().int().min(1).default(5).describe('Most connections'),
    level: z.enum(['debug', 'info']).default('info'),
    big: z.bigint().default(5n),
    note: z.string().nullable().meta({ description: 'For people' }),
    db: z.object({ url: secret(z.url()), pool: z.object({ max: z.number().default(3) }) }),
    cache: z.object({ ttl: z.number().default(1) }).default({ ttl: 9 }),
    limits: z.record(z.string(), z.object({ perHour: z.number() })),
    regions: z.record(z.enum(['eu', 'us']), z.number()),
    servers: z.array(z.object({ host: z.string() })),
    store: z
      .discriminatedUnion('kind', [
        z.object({ kind: z.literal('disk'), path: z.string() }),
        z.object({ kind: z.literal('none') }),
      ])
      .optional(),
    either: z.union([z.string(), z.number()]),
    tree: node,
    when: z.date().optional(),
    bytes: z.instanceof(Uint8Array).optional(),
  }),
})

test('leavesOf: lists every place with key, variable, type and default', () => {
  const shown = leavesOf(definition).map((leaf) =>
    [leaf.key, leaf.environment, leaf.type, leaf.default, leaf.isSecret, leaf.isOptional]
      .map(String)
      .join(' '),
  )
  expect(shown).toEqual([
    'max-size MAX_SIZE integer 5 false true',
    'level LEVEL "debug" | "info" info false true',
    'big BIG bigint 5 false true',
    'note NOTE string | null undefined false false',
    'db/url DB__URL url undefined true false',
    'db/pool/max DB__POOL__MAX number 3 false true',
    'cache/ttl CACHE__TTL number 9 false true',
    'limits/<key>/per-hour LIMITS__<KEY>__PER_HOUR number undefined false true',
    'regions/eu REGIONS__EU number undefined false false',
    'regions/us REGIONS__US number undefined false false',
    'servers SERVERS array of object undefined false false',
    'store/kind STORE__KIND "disk" | "none" undefined false true',
    'store/path STORE__PATH string undefined false true',
    'either EITHER string | number undefined false false',
    'tree/size TREE__SIZE number undefined false false',
    'tree/left TREE__LEFT object undefined false true',
    'when WHEN date undefined false true',
    'bytes BYTES bytes undefined false true',
  ])
  const descriptions = leavesOf(definition).flatMap(({ description = [] }) => description)
  expect(descriptions).toEqual(['Most connections', 'For people'])
})

test('toJsonSchema: says how a document holds what JSON has no type for, and requires what a tree must have', () => {
  const made = toJsonSchema(definition)
  expect(made).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    properties: {
      maxSize: { type: 'integer', default: 5, description: 'Most connections' },
      when: { type: 'string', format: 'date-time' },
      bytes: { type: 'string', contentEncoding: 'base64' },
      big: { type: 'integer', 'x-bigint': true },
      db: { required: ['url'], properties: { url: { type: 'string', writeOnly: true } } },
    },
    required: ['note', 'db', 'regions', 'servers', 'either', 'tree'],
  })
  expect(toJsonSchema(definition, { target: 'draft-07' })['$schema']).toMatch(/draft-07/)
})

const SECRET = 'hunter2'
const base = z
  .string()
  .default(SECRET)
  .meta({ id: 'Base', examples: [SECRET] })
const secretSchemas: Record<string, z.ZodType> = {
  'a default': secret(z.string().default(SECRET)),
  'a default around it': secret(z.string()).default(SECRET),
  'a prefault': secret(z.string()).prefault(SECRET),
  'examples around it': secret(z.string())
    .optional()
    .meta({ examples: [SECRET], example: SECRET }),
  'an enum': secret(z.enum([SECRET, 'other'])),
  'a literal': secret(z.literal(SECRET)),
  'a template': secret(z.templateLiteral([SECRET, z.number()])),
  'a pattern': secret(z.string().regex(/hunter2/)),
  'own metadata': z.string().meta({ secret: true, sample: SECRET }),
  'what it was made from': secret(base),
  'inside a secret object': secret(z.object({ a: z.string().default(SECRET), b: z.literal(SECRET) })),
  'the default of what holds it': z.object({ a: secret(z.string()) }).default({ a: SECRET }),
  'a list': z
    .array(secret(z.string()))
    .default([SECRET])
    .meta({ examples: [[SECRET]] }),
  'a record': z.record(z.string(), secret(z.string())).default({ a: SECRET }),
  'the other side of an intersection': z.intersection(
    z.looseObject({ a: secret(z.string()) }),
    z.looseObject({
      a: z
        .string()
        .default(SECRET)
        .meta({ examples: [SECRET] }),
    }),
  ),
  'another option of a union': z.union([
    z.object({ kind: z.literal('b'), a: z.literal([SECRET, 'other']) }),
    z.object({ kind: z.literal('a'), a: secret(z.string()) }),
  ]),
  'a record beside an object': z.union([
    z.object({ a: secret(z.string()) }),
    z.record(z.string(), z.string().default(SECRET)),
  ]),
  'what holds it on another side': z.intersection(
    z.looseObject({ db: z.looseObject({ a: secret(z.string()) }) }),
    z.looseObject({ db: z.looseObject({ a: z.string() }).default({ a: SECRET }) }),
  ),
  'a map': z.map(z.string(), secret(z.string())).default(new Map([['a', SECRET]])),
  'a union': z.union([secret(z.literal(SECRET)), z.number()]).default(SECRET),
  'an intersection': z.intersection(
    z.object({ a: secret(z.string()) }).meta({ examples: [{ a: SECRET }] }),
    z.object({ b: z.number() }),
  ),
  'a codec': z.codec(secret(z.string()), z.string(), { decode: String, encode: String }).default(SECRET),
  'a shared part': z.object({ open: base.optional(), closed: secret(base) }),
}

test.each(Object.entries(secretSchemas))('toJsonSchema and leavesOf: no secret of %s', (_name, schema) => {
  const own = defineConfig({
    name: 'x',
    schema: z.object({ part: schema, more: z.object({ part: schema }) }),
  })
  expect(JSON.stringify(toJsonSchema(own))).not.toContain(SECRET)
  const isShared = _name === 'a shared part'
  if (!isShared) expect(JSON.stringify(leavesOf(own))).not.toContain(SECRET)
})

test('toJsonSchema: a default that throws is an error with its cause', () => {
  const schema = z.object({
    a: z.number().default(() => {
      throw new Error('no')
    }),
  })
  expect(() => toJsonSchema(defineConfig({ name: 'x', schema }))).toThrow(
    /\[invalid_schema\] The schema of "x"/,
  )
})

test('isSecretAt and isTextOpenAt: tell what is secret from what holds secrets', () => {
  expect(isSecretAt(definition, 'db.url')).toBe(true)
  expect(isSecretAt(definition, 'db')).toBe(false)
  expect(isTextOpenAt(definition, 'db')).toBe(false)
  expect(isTextOpenAt(definition, 'db.pool.max')).toBe(true)
  expect(isTextOpenAt(definition, 'stranger')).toBe(false)
})

test('toJsonSchema and isRestartAt: tell what needs a restart', () => {
  const marked = defineConfig({
    name: 'x',
    schema: z.object({
      port: restart(z.number()).default(80),
      list: z.array(restart(z.string())),
      open: z.number(),
    }),
  })
  const { properties } = toJsonSchema(marked) as { properties: Record<string, Record<string, unknown>> }
  expect(properties['port']).toMatchObject({ default: 80, 'x-needs-restart': true })
  expect(properties['list']).toMatchObject({ items: { 'x-needs-restart': true } })
  expect(properties['open']).not.toHaveProperty('x-needs-restart')
  expect(['port', 'list', 'open'].map((path) => isRestartAt(marked, path))).toEqual([true, true, false])
  expect(isRestartAt(marked, [])).toBe(true)
})

test('fingerprint: is the same for the same shape, and survives a definition made from another', () => {
  const same = defineConfig({ ...definition, name: 'y' })
  expect(same.fingerprint).toBe(definition.fingerprint)
  expect(definition.fingerprint).toMatch(/^[0-9a-f]{32}$/)
  expect(defineConfig({ name: 'x', schema: z.object({}) }).fingerprint).not.toBe(definition.fingerprint)
})

test('toJsonSchema: what tells the options of a union with secrets apart is shown', () => {
  const schema = z.object({
    it: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('password'), a: secret(z.string()), size: z.number().default(3) }),
      z.object({ kind: z.literal('none') }),
    ]),
    other: z.union([z.object({ a: secret(z.string()) }), z.literal('off')]),
  })
  const text = JSON.stringify(toJsonSchema(defineConfig({ name: 'x', schema })))
  for (const shown of ['"const":"password"', '"const":"none"', '"const":"off"', '"default":3'])
    expect(text).toContain(shown)
})

describe('toJsonSchema marks a secret, whatever wraps it', () => {
  test.each<[string, z.ZodType]>([
    ['optional', secret(z.string()).optional()],
    ['nullable', secret(z.string()).nullable()],
    ['a default', secret(z.string()).default('x')],
    ['optional and a description', secret(z.string()).optional().describe('The key.')],
    ['readonly', secret(z.string()).readonly()],
    ['a prefault', secret(z.string()).prefault('x')],
    ['a catch', secret(z.string()).catch('x')],
    ['secret around optional', secret(z.string().optional())],
  ])('%s', (_, schema) => {
    const json = toJsonSchema(defineConfig({ name: 'shop', schema: z.object({ key: schema }) }))
    expect(JSON.stringify(json)).toContain('"writeOnly":true')
  })
})

test.each<[string, (schema: z.ZodString) => z.ZodType]>([
  ['itself', (schema) => schema],
  ['optional', (schema) => schema.optional()],
  ['nullable', (schema) => schema.nullable()],
  ['with a default', (schema) => schema.default('x')],
  ['with a prefault', (schema) => schema.prefault('x')],
  ['read-only', (schema) => schema.readonly()],
  ['caught', (schema) => schema.catch('x')],
  ['nonoptional', (schema) => z.nonoptional(schema.optional())],
  ['lazy', (schema) => z.lazy(() => schema)],
  ['the begin of a pipe', (schema) => schema.pipe(z.string())],
  ['an option of a union', (schema) => z.union([schema, z.number()])],
  ['optional and described', (schema) => schema.optional().describe('text')],
])('marks are told of a schema that is %s', (_name, wrapped) => {
  const v = wrapped(restart(secret(z.string(), { encrypted: true })))
  const marks = { 'x-encrypted': true, 'x-needs-restart': true }
  const jsonOf = (schema: z.ZodType) => toJsonSchema(defineConfig({ name: 'shop', schema }))
  expect(jsonOf(z.object({ v }))).toMatchObject({ properties: { v: marks } })
  expect(jsonOf(z.object({ v: z.array(v) }))).toMatchObject({ properties: { v: { items: marks } } })
})

const DIALECTS = [
  ['draft-2020-12', '$defs'],
  ['draft-07', 'definitions'],
  ['openapi-3.0', 'definitions'],
] as const

test.each(DIALECTS)('toJsonSchema: what is in a map is written once, in %s', (target, table) => {
  const leaf: z.ZodType = z.object({ password: secret(z.string(), { encrypted: true }), open: z.string() })
  let level = leaf
  for (let depth = 0; depth < 30; depth++) level = z.object({ a: level.optional(), b: level.optional() })
  const schema = z.object({ v: z.map(z.string(), level), w: z.set(level) })
  const made = toJsonSchema(defineConfig({ name: 'shop', schema }), { target })
  const part = { $ref: `#/${table}/__part0` }
  expect(made).toMatchObject({ properties: { v: { additionalProperties: part }, w: { items: part } } })
  expect(made[table]).toHaveProperty('__part0')
  const text = JSON.stringify(made)
  expect(text.length).toBeLessThan(20_000)
  expect(text.split('"x-encrypted":true')).toHaveLength(2)
  expect(text).toContain('"open":{"type":"string"}')
})

test.each(DIALECTS)(
  'toJsonSchema: a schema that comes back to its top through a map has it at the top, in %s',
  (target) => {
    interface Node {
      by?: Map<string, Node> | undefined
      below?: Node | undefined
    }
    const node: z.ZodType<Node> = z.object({
      pw: secret(z.string(), { encrypted: true }).optional(),
      get by() {
        return z.map(z.string(), node).optional()
      },
      get below() {
        return node.optional()
      },
    })
    const made = toJsonSchema(defineConfig({ name: 'shop', schema: node as z.ZodObject }), { target })
    expect(made).toMatchObject({ type: 'object', properties: { pw: { 'x-encrypted': true } } })
  },
)

const encryptedPart = z.object({ open: z.string(), pw: secret(z.string(), { encrypted: true }) })

test.each<[string, z.ZodType]>([
  ['whose names have a pattern', z.looseRecord(z.string().regex(/^a/), encryptedPart)],
  ['that may be absent', z.looseRecord(z.string().regex(/^a/), encryptedPart).optional()],
  ['that is lazy', z.lazy(() => z.looseRecord(z.enum(['a']), encryptedPart)).readonly()],
  ['that is only tried', z.success(encryptedPart)],
  [
    'with a default that throws',
    z.map(
      z.string(),
      encryptedPart.extend({
        c: z.string().default(() => {
          throw new Error('not now')
        }),
      }),
    ),
  ],
])('toJsonSchema: says that something is encrypted inside a part %s', (_name, v) => {
  const made = toJsonSchema(defineConfig({ name: 'shop', schema: z.object({ v }) }))
  expect(made).toMatchObject({ properties: { v: { writeOnly: true, 'x-encrypted': 'inside' } } })
})

test.each<[string, z.ZodType]>([
  ['all is encrypted', z.looseRecord(z.string().regex(/^a/), secret(z.string(), { encrypted: true }))],
  ['any name is a key', z.looseRecord(z.string(), encryptedPart)],
])('toJsonSchema: says what is encrypted in a loose record where %s', (_name, v) => {
  const made = toJsonSchema(defineConfig({ name: 'shop', schema: z.object({ v }) }))
  expect(made).toMatchObject({ properties: { v: { additionalProperties: { $ref: '#/$defs/__part0' } } } })
  expect(JSON.stringify(made)).not.toContain('inside')
})
