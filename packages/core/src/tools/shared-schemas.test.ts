import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { secret } from '../schema/secret.ts'
import { duration } from '../schema/units.ts'
import { toJsonSchema } from './json-schema.ts'
import { leavesOf } from './leaves-of.ts'

/** Each level uses the one below twice, so that the innermost is in 2 ** count places. */
function levels(count: number, inner: z.ZodType, level: (below: z.ZodType) => z.ZodType): z.ZodType {
  return count === 0 ? inner : level(levels(count - 1, inner, level))
}

const shapes = {
  objects: (below: z.ZodType) => z.object({ l: below, r: below }),
  'optional parts': (below: z.ZodType) => z.object({ l: below.optional(), r: below.nullable() }),
  unions: (below: z.ZodType) => z.union([below, z.object({ l: below, r: below })]),
  tuples: (below: z.ZodType) => z.tuple([below, below]),
  'a record beside it': (below: z.ZodType) => z.object({ l: below, r: z.record(z.string(), below) }),
  'an intersection': (below: z.ZodType) => z.object({ l: below }).and(z.object({ r: below })),
}

const defined = (schema: z.ZodType) => defineConfig({ name: 'x', schema: z.object({ top: schema }) })

describe.each(Object.entries(shapes))('20 levels of %s that share the one below', (_name, level) => {
  test('toJsonSchema: writes each once', () => {
    const made = toJsonSchema(defined(levels(20, z.object({ v: z.string().default('x') }), level)))
    expect(JSON.stringify(made).length).toBeLessThan(50_000)
    expect(JSON.stringify(made)).toContain('"default":"x"')
  })

  test.each(['draft-2020-12', 'draft-07', 'openapi-3.0'] as const)(
    'toJsonSchema: shows nothing of what is secret at another place, in %s',
    (target) => {
      const constant = z.literal('hunter2').default('hunter2')
      const closed = z.object({ kind: z.literal('a'), part: secret(z.string()) })
      const open = z.object({ kind: z.literal('b'), part: z.literal('hunter2') })
      const inner = z.object({
        open: constant,
        closed: secret(constant),
        beside: z.discriminatedUnion('kind', [closed, open]),
      })
      const text = JSON.stringify(toJsonSchema(defined(levels(20, inner, level)), { target }))
      expect(text).not.toContain('hunter2')
      expect(text).toContain('"writeOnly":true')
    },
  )

  test('leavesOf: ends with a list, or a clear error', () => {
    const definition = defined(levels(20, z.object({ v: z.string() }), level))
    let leaves: unknown
    try {
      leaves = leavesOf(definition)
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid_schema' })
      expect(String(error)).toContain('more than 100000 places')
    }
    if (leaves !== undefined) expect(leaves).toHaveLength(1)
  })
})

test('toJsonSchema: what refers to a scalar with a form has no second form', () => {
  const time = duration()
  const inner = z.object({ a: time, b: time, c: time.describe('How long') })
  const made = toJsonSchema(defined(levels(20, inner, shapes.objects)))
  const definitions = Object.values(made['$defs'] as Record<string, { properties?: object }>)
  const place = definitions.find(
    ({ properties }) => properties !== undefined && 'c' in properties,
  )?.properties
  const { a, c } = place as Record<'a' | 'c', object>
  expect(c).toMatchObject({ ...a, description: 'How long' })
  expect(c).not.toHaveProperty('type')
})

test('toJsonSchema: requires of a large schema what a tree must have', () => {
  const given = levels(20, z.object({ v: z.string() }), shapes.objects)
  const made = levels(20, z.object({ v: z.string().default('x') }), shapes.objects)
  const schema = defineConfig({ name: 'x', schema: z.object({ given, made }) })
  expect(toJsonSchema(schema)).toMatchObject({ required: ['given'] })
})

test('toJsonSchema: a small schema is written out at each place', () => {
  const text = JSON.stringify(toJsonSchema(defined(levels(3, z.object({ v: z.string() }), shapes.objects))))
  expect(text).not.toContain('$defs')
})

test.each([
  [{ targt: 'draft-07' }, 'toJsonSchema() has no option "targt". Did you mean "target"?'],
  [{ target: 'draft-04' }, 'toJsonSchema() got target = "draft-04"; expected one of'],
  [null, 'toJsonSchema() got null; expected an object of options'],
])('toJsonSchema: refuses options %o', (options, message) => {
  expect(() => toJsonSchema(defined(z.string()), options as object)).toThrow(`[invalid_options] ${message}`)
})
