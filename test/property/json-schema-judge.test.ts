import { jsonSchemaDefinition } from '@livetree/admin'
import { defineConfig, memory } from '@livetree/core'
import { readOnce, toJsonSchema, validateTree } from '@livetree/core/tools'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { propertyRuns } from './property-runs.ts'
import { expectShare } from '../support/expect-share.ts'

/** A schema that JSON Schema says all of, what it is, and values that it takes. */
interface Said {
  readonly schema: z.ZodType
  readonly text: string
  readonly value: fc.Arbitrary<unknown>
}

const said = (schema: z.ZodType, text: string, value: fc.Arbitrary<unknown>): Said =>
  Object.defineProperty({ schema, text, value }, fc.toStringMethod, { value: () => text })

const scalars: readonly Said[] = [
  said(z.string(), 'string', fc.constantFrom('x', 'ten')),
  said(z.string().min(2), 'string.min(2)', fc.constant('ten')),
  said(z.number(), 'number', fc.constantFrom(0, 2.5)),
  said(z.number().int().max(9), 'int', fc.nat(9)),
  said(z.boolean(), 'boolean', fc.boolean()),
  said(z.enum(['on', 'off']), 'enum', fc.constantFrom('on', 'off')),
  said(z.literal('z'), 'literal', fc.constant('z')),
]

interface Node {
  name: string
  by?: Record<string, Node> | undefined
  all?: Node[] | undefined
  one?: Node | 'end' | undefined
}
const node: z.ZodType<Node> = z.object({
  name: z.string(),
  get by() {
    return z.record(z.string(), node).optional()
  },
  get all() {
    return z.array(node).optional()
  },
  get one() {
    return z.union([node, z.literal('end')]).optional()
  },
})
const { node: nodeValue } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.record(
    {
      name: fc.constantFrom('n', 'm'),
      by: fc.dictionary(fc.constantFrom('k', 'l'), tie('node'), { maxKeys: 2, depthIdentifier: 'node' }),
      all: fc.array(tie('node'), { maxLength: 2, depthIdentifier: 'node' }),
      one: fc.oneof({ depthIdentifier: 'node', maxDepth: 3 }, fc.constant('end' as const), tie('node')),
    },
    { requiredKeys: ['name'] },
  ) as fc.Arbitrary<Node>,
}))

function directoriesOf(inner: fc.Arbitrary<Said>): fc.Arbitrary<Said> {
  const two = fc.tuple(inner, inner, fc.boolean())
  const objects = two.chain(([a, b, isOptional]) => {
    const shape = { a: a.schema, b: isOptional ? b.schema.optional() : b.schema }
    const value = fc.record({ a: a.value, b: b.value }, { requiredKeys: isOptional ? ['a'] : ['a', 'b'] })
    const text = `{ a: ${a.text}, b${isOptional ? '?' : ''}: ${b.text} }`
    return fc.constantFrom(
      said(z.object(shape), text, value),
      said(z.strictObject(shape), `strict ${text}`, value),
      said(z.looseObject(shape), `loose ${text}`, value),
      said(z.object(shape).catchall(a.schema), `catchall(${a.text}) ${text}`, value),
      said(z.object(shape).nullable(), `nullable ${text}`, fc.option(value)),
    )
  })
  const records = inner.chain(({ schema, text, value }) =>
    fc.constantFrom(
      said(z.record(z.string(), schema), `record ${text}`, fc.dictionary(fc.constantFrom('k', 'x'), value)),
      said(
        z.record(z.enum(['k', 'l']), schema),
        `record by k, l of ${text}`,
        fc.record({ k: value, l: value }),
      ),
      said(
        z.partialRecord(z.enum(['k', 'l']), schema),
        `partial record by k, l of ${text}`,
        fc.record({ k: value, l: value }, { requiredKeys: [] }),
      ),
      said(
        z.record(z.string().regex(/^a/), schema),
        `record by ^a of ${text}`,
        fc.dictionary(fc.constantFrom('a', 'ab'), value),
      ),
      said(z.array(schema).max(3), `array ${text}`, fc.array(value, { maxLength: 3 })),
      said(z.tuple([schema, z.number()]), `tuple ${text}`, fc.tuple(value, fc.nat(3))),
    ),
  )
  const unions = two.map(([a, b]) =>
    said(
      z.discriminatedUnion('t', [
        z.object({ t: z.literal('p'), a: a.schema }),
        z.strictObject({ t: z.literal('q'), b: b.schema }),
      ]),
      `p: ${a.text} | q: ${b.text}`,
      fc.oneof(
        fc.record({ t: fc.constant('p'), a: a.value }),
        fc.record({ t: fc.constant('q'), b: b.value }),
      ),
    ),
  )
  return fc.oneof(objects, records, unions)
}

const { any } = fc.letrec<{ any: Said }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(...scalars),
    fc.constant(said(node, 'node', nodeValue)),
    directoriesOf(tie('any')),
  ),
}))

const json = fc.constantFrom<unknown>(5, 'x', 'ten', true, null, [], [1], {}, { k: 1 }, { a: 'x', extra: 2 })

/** The same value with something put in its place, taken from it or added to it, at a random depth. */
function altered(value: unknown, at: readonly number[], by: unknown): unknown {
  const [first, ...rest] = at
  if (first === undefined || typeof value !== 'object' || value === null) return by
  if (Array.isArray(value))
    return value.length === 0
      ? [by]
      : value.with(first % value.length, altered(value[first % value.length], rest, by))
  const names = [...Object.keys(value), 'extra', 'k', 'l', 'x']
  const name = names[first % names.length] ?? 'extra'
  const { [name]: part, ...others } = value as Record<string, unknown>
  return by === undefined && rest.length === 0 ? others : { ...others, [name]: altered(part, rest, by) }
}

/** Whether an object that may be left out is there where nothing is in it, JSON Schema does not say. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty)
  if (typeof value !== 'object' || value === null) return value
  const parts = Object.entries(value).map(([name, part]) => [name, withoutEmpty(part)] as const)
  const isEmpty = (part: unknown) =>
    typeof part === 'object' && part !== null && Object.keys(part).length === 0
  return Object.fromEntries(parts.filter(([, part]) => part !== undefined && !isEmpty(part)))
}

const RUNS = propertyRuns(1, 0.35)

test(`a published JSON Schema takes what the definition takes, and nothing else (${RUNS} cases)`, async () => {
  const counted = { valid: 0, invalid: 0 }
  await fc.assert(
    fc.asyncProperty(
      any.chain((each) => fc.tuple(fc.constant(each), each.value)),
      fc.option(fc.tuple(fc.array(fc.nat(9), { maxLength: 4 }), fc.oneof(json, fc.constant(undefined)))),
      fc.boolean(),
      fc.constantFrom('draft-2020-12', 'draft-07'),
      async ([{ schema, text }, value], change, isTop, target) => {
        const given = change === null ? value : altered(value, ...change)
        const isRoot = isTop && typeof given === 'object' && given !== null && !Array.isArray(given)
        const whole = isRoot && schema instanceof z.ZodObject ? schema : z.object({ v: schema })
        const tree = whole === schema ? given : { v: given }
        const definition = defineConfig({ name: 'x', schema: whole as z.ZodType })
        const read = jsonSchemaDefinition(
          'x',
          JSON.parse(JSON.stringify(toJsonSchema(definition, { target }))) as object as never,
        )
        const source = await readOnce(memory(tree as Record<string, never>))
        const [own, judged] = [definition, read].map((each) => validateTree(each, [source]))
        counted[own?.type ?? 'invalid']++
        const verdictOf = (result: typeof own) => ({
          text,
          tree: JSON.stringify(tree),
          type: result?.type,
          value: result?.type === 'valid' ? withoutEmpty(result.value) : undefined,
        })
        expect(verdictOf(judged)).toEqual(verdictOf(own))
      },
    ),
    { numRuns: RUNS },
  )
  // Both verdicts are reached.
  expectShare('valid', counted.valid, { of: RUNS, typical: 0.43 })
  expectShare('invalid', counted.invalid, { of: RUNS, typical: 0.57 })
})
