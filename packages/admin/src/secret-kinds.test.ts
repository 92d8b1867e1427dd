import { defineConfig, secret } from '@livetree/core'
import { isTextOpenAt, toJsonSchema } from '@livetree/core/tools'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { jsonSchemaDefinition } from './json-schema-definition.ts'

const hidden = () => secret(z.string())
const date = () => z.codec(z.string(), z.date(), { decode: (text) => new Date(text), encode: String })
const tree: z.ZodType = z.object({
  pw: hidden().optional(),
  get below() {
    return tree.optional()
  },
})

/** Kinds of schemas that hold no other, and those that no configuration may have; the type names each kind that zod has. */
const none: readonly z.ZodType[] = []
const kinds: Record<z.core.$ZodTypeDef['type'], readonly z.ZodType[]> = {
  string: [hidden(), hidden().min(3), hidden().brand(), hidden().refine(() => true), hidden().describe('d')],
  number: [secret(z.number())],
  int: none,
  boolean: [secret(z.boolean())],
  bigint: [secret(z.bigint())],
  symbol: none,
  null: [secret(z.null())],
  undefined: none,
  void: none,
  never: none,
  any: [secret(z.any())],
  unknown: [secret(z.unknown())],
  date: [secret(z.date())],
  object: [
    secret(z.object({ a: z.string() })),
    z.object({ a: hidden() }),
    z.strictObject({ a: hidden() }),
    z.object({ b: z.string().optional() }).catchall(hidden()),
    tree,
  ],
  record: [
    secret(z.record(z.string(), z.string())),
    z.record(z.string(), hidden()),
    z.partialRecord(z.enum(['a']), hidden()),
    z.looseRecord(z.enum(['a']), hidden()),
    z.looseRecord(z.string().regex(/^a/), hidden()),
    z.record(z.enum(['a']), z.object({ a: hidden() })),
  ],
  file: none,
  array: [z.array(hidden()), secret(z.array(z.string())), z.array(z.object({ a: hidden() }))],
  tuple: [z.tuple([z.string(), hidden()]), z.tuple([z.string()], hidden())],
  union: [
    z.union([hidden(), z.number()]),
    z.union([z.object({ a: hidden() }), z.string()]),
    z.discriminatedUnion('a', [
      z.object({ a: z.literal('x'), b: hidden() }),
      z.object({ a: z.literal('y') }),
    ]),
  ],
  intersection: [z.object({ a: hidden() }).and(z.object({ b: z.string() }))],
  map: [z.map(z.string(), hidden()), z.map(z.string(), z.object({ a: hidden() }))],
  set: [z.set(hidden()), secret(z.set(z.string()))],
  enum: [secret(z.enum(['a', 'b']))],
  literal: [secret(z.literal('a'))],
  nullable: [hidden().nullable(), z.object({ a: hidden() }).nullable()],
  optional: [hidden().optional(), secret(z.string().optional()), z.object({ a: hidden() }).optional()],
  nonoptional: [hidden().optional().nonoptional()],
  success: [z.success(hidden())],
  transform: none,
  default: [hidden().default('x'), z.object({ a: hidden() }).default({ a: 'x' })],
  prefault: [hidden().prefault('x'), z.object({ a: hidden() }).prefault({ a: 'x' })],
  catch: [hidden().catch('x')],
  nan: [secret(z.nan())],
  pipe: [
    hidden().pipe(z.string()),
    z.string().pipe(hidden()),
    hidden().transform(Number),
    z.preprocess((value) => value, hidden()),
    z.preprocess((value) => value, z.object({ a: hidden() })),
    secret(date()),
    date().pipe(secret(z.date())),
    z.object({ a: z.string() }).pipe(z.object({ a: hidden() })),
    z.object({ a: hidden() }).transform(String),
  ],
  readonly: [hidden().readonly(), z.map(z.string(), hidden()).readonly()],
  template_literal: [z.templateLiteral(['a', hidden() as unknown as z.ZodString])],
  promise: none,
  lazy: [z.lazy(hidden), z.lazy(() => z.map(z.string(), hidden()))],
  function: none,
  custom: [secret(z.custom<string>(() => true))],
}

const PLACES = ['v', 'v.a', 'v.b', 'v.0', 'v.1', 'v.pw', 'v.below.pw', 'v.x', 'v.x.a', 'v.a.a', 'v.0.a']
const TARGETS = ['draft-2020-12', 'draft-07', 'openapi-3.0'] as const
const cases = Object.entries(kinds).flatMap(([kind, schemas]) =>
  schemas.map((schema, index) => [`${kind} ${index}`, schema] as const),
)

test.each(cases)(
  'toJsonSchema: what is secret in a %s is so for who has only the JSON Schema',
  (_kind, schema) => {
    const wrapped = [schema, schema.optional(), schema.nullable(), schema.readonly(), z.lazy(() => schema)]
    for (const [index, v] of wrapped.entries())
      for (const target of TARGETS) {
        const definition = defineConfig({ name: 'x', schema: z.object({ v }) })
        const json = toJsonSchema(definition, { target })
        expect(JSON.stringify(json)).toContain('"writeOnly":true')
        if (target === 'openapi-3.0') continue
        const read = jsonSchemaDefinition('x', json)
        const leaking = PLACES.filter((path) => !isTextOpenAt(definition, path) && isTextOpenAt(read, path))
        expect(leaking, `${index} ${JSON.stringify(json)}`).toEqual([])
      }
  },
)
