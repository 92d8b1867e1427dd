import { defineConfig, memory } from '@livetree/core'
import { readOnce, toJsonSchema, validateTree } from '@livetree/core/tools'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { schemaChanges } from './schema-changes.ts'
import { expectShare } from '../../../../test/support/expect-share.ts'

/** A schema as data, so that the later one can be made of the earlier one. */
type Shape =
  | { readonly type: 'int' | 'number'; readonly min: number | undefined; readonly max: number | undefined }
  | {
      readonly type: 'string'
      readonly min: number
      readonly max: number | undefined
      readonly isPlain: boolean
    }
  | { readonly type: 'boolean' | 'null' }
  | { readonly type: 'enum'; readonly values: readonly string[] }
  | { readonly type: 'list'; readonly item: Shape; readonly max: number | undefined }
  | { readonly type: 'record'; readonly names: readonly string[] | undefined; readonly item: Shape }
  | { readonly type: 'union'; readonly parts: readonly Shape[] }
  | { readonly type: 'object'; readonly kind: 'strip' | 'strict'; readonly parts: readonly Part[] }

interface Part {
  readonly name: string
  readonly isOptional: boolean
  readonly shape: Shape
}

const NAMES = ['a', 'b', 'c']
const limit = fc.option(fc.integer({ min: -3, max: 5 }), { nil: undefined })
const size = fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined })

const { shape, object } = fc.letrec<{ shape: Shape; object: Shape; part: Part }>((tie) => ({
  shape: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ type: fc.constantFrom('int' as const, 'number' as const), min: limit, max: limit }),
    fc.record({ type: fc.constant('string' as const), min: fc.nat(2), max: size, isPlain: fc.boolean() }),
    fc.record({ type: fc.constantFrom('boolean' as const, 'null' as const) }),
    fc.record({ type: fc.constant('enum' as const), values: fc.subarray(NAMES, { minLength: 1 }) }),
    fc.record({ type: fc.constant('list' as const), item: tie('shape'), max: size }),
    fc.record({
      type: fc.constant('record' as const),
      names: fc.option(fc.subarray(NAMES, { minLength: 1 }), { nil: undefined }),
      item: tie('shape'),
    }),
    fc.record({
      type: fc.constant('union' as const),
      parts: fc.array(tie('shape'), { minLength: 1, maxLength: 3 }),
    }),
    tie('object'),
  ),
  part: fc.record({ name: fc.constantFrom(...NAMES), isOptional: fc.boolean(), shape: tie('shape') }),
  object: fc.record({
    type: fc.constant('object' as const),
    kind: fc.constantFrom('strip' as const, 'strict' as const),
    parts: fc.uniqueArray(tie('part'), { selector: ({ name }) => name, maxLength: 3 }),
  }),
}))

function zodOf(shape: Shape): z.ZodType {
  switch (shape.type) {
    case 'int':
    case 'number': {
      let made = shape.type === 'int' ? z.int() : z.number()
      if (shape.min !== undefined) made = made.min(shape.min)
      return shape.max === undefined ? made : made.max(shape.max)
    }
    case 'string': {
      const made = z.string().min(shape.min)
      const limited = shape.max === undefined ? made : made.max(shape.max)
      return shape.isPlain ? limited : limited.regex(/^a/)
    }
    case 'boolean':
      return z.boolean()
    case 'null':
      return z.null()
    case 'enum':
      return z.enum(shape.values)
    case 'list':
      return shape.max === undefined ? z.array(zodOf(shape.item)) : z.array(zodOf(shape.item)).max(shape.max)
    case 'record':
      return shape.names === undefined
        ? z.record(z.string(), zodOf(shape.item))
        : z.partialRecord(z.enum(shape.names), zodOf(shape.item))
    case 'union':
      return z.union(shape.parts.map(zodOf))
    case 'object': {
      const parts = shape.parts.map(({ name, isOptional, shape: part }) => {
        const made = zodOf(part)
        return [name, isOptional ? made.optional() : made] as const
      })
      return shape.kind === 'strict'
        ? z.strictObject(Object.fromEntries(parts))
        : z.object(Object.fromEntries(parts))
    }
  }
}

/** Values that a shape takes, or nearly takes. */
function valuesFor(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.type) {
    case 'int':
      return fc.integer({ min: -4, max: 6 })
    case 'number':
      return fc.oneof(fc.integer({ min: -4, max: 6 }), fc.constantFrom(-3.5, 0.5, 4.5))
    case 'string':
      return fc.constantFrom('', 'a', 'b', 'c', 'ab', 'ba', 'abc', 'abcd')
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'enum':
      return fc.constantFrom(...shape.values)
    case 'list':
      return fc.array(valuesFor(shape.item), { maxLength: 4 })
    case 'record':
      return fc.dictionary(fc.constantFrom(...(shape.names ?? [...NAMES, 'd'])), valuesFor(shape.item), {
        maxKeys: 3,
      })
    case 'union':
      return fc.oneof(...shape.parts.map(valuesFor))
    case 'object': {
      const model = Object.fromEntries(shape.parts.map(({ name, shape: part }) => [name, valuesFor(part)]))
      const requiredKeys = shape.parts.filter(({ isOptional }) => !isOptional).map(({ name }) => name)
      return fc.record(model, { requiredKeys })
    }
  }
}

/** A schema near to another: the same with one part, limit or choice changed somewhere. */
function near(from: Shape): fc.Arbitrary<Shape> {
  const others: fc.Arbitrary<Shape>[] = [
    shape,
    fc.constant({ type: 'union', parts: [from, { type: 'null' }] }),
  ]
  switch (from.type) {
    case 'int':
      others.push(
        fc.constant({ ...from, type: 'number' }),
        limit.map((min) => ({ ...from, min })),
      )
      others.push(limit.map((max) => ({ ...from, max })))
      break
    case 'number':
    case 'string':
      others.push(
        fc.constant({ ...from, max: undefined } as Shape),
        size.map((max) => ({ ...from, max }) as Shape),
      )
      break
    case 'enum':
      others.push(fc.subarray(NAMES, { minLength: 1 }).map((values) => ({ ...from, values })))
      others.push(fc.constant({ type: 'string', min: 0, max: undefined, isPlain: true }))
      break
    case 'list':
      others.push(
        near(from.item).map((item) => ({ ...from, item })),
        size.map((max) => ({ ...from, max })),
      )
      break
    case 'record':
      others.push(
        near(from.item).map((item) => ({ ...from, item })),
        fc.constant({ ...from, names: NAMES }),
      )
      others.push(fc.constant({ ...from, names: undefined }))
      break
    case 'union':
      others.push(shape.map((part) => ({ ...from, parts: [...from.parts, part] })))
      others.push(fc.constant({ ...from, parts: from.parts.slice(0, 1) }))
      break
    case 'object':
      others.push(fc.constantFrom('strip' as const, 'strict' as const).map((kind) => ({ ...from, kind })))
      for (const part of from.parts) {
        const put = (changed: Part) => ({
          ...from,
          parts: from.parts.map((each) => (each === part ? changed : each)),
        })
        others.push(near(part.shape).map((changed) => put({ ...part, shape: changed })))
        others.push(fc.boolean().map((isOptional) => put({ ...part, isOptional })))
        others.push(fc.constant({ ...from, parts: from.parts.filter((each) => each !== part) }))
      }
      break
    default:
  }
  return fc.oneof(...others)
}

const pairs = fc.oneof(object, shape).chain((old) =>
  fc.record({
    old: fc.constant(old),
    now: fc.oneof(near(old), near(old).chain(near)),
    values: fc.array(valuesFor(old), { minLength: 10, maxLength: 20 }),
  }),
)

/** Which of these values a running instance takes. */
async function taken(definition: ReturnType<typeof definitionOf>, values: readonly unknown[]) {
  const trees = values.map(async (v) => validateTree(definition, [await readOnce(memory({ v }))]))
  return (await Promise.all(trees)).map(({ type }) => type === 'valid')
}

function definitionOf(shape: Shape) {
  return defineConfig({ name: 'x', schema: z.object({ v: zodOf(shape) }) })
}

const RUNS = Number(process.env['LIVETREE_PROPERTY_RUNS'] ?? 800)

test('a change that schemaChanges finds compatible takes every value that was taken', async () => {
  const seen = { compatible: 0, incompatible: 0, refuted: 0 }
  await fc.assert(
    fc.asyncProperty(pairs, async ({ old, now, values }) => {
      const [was, is] = [definitionOf(old), definitionOf(now)]
      const found = schemaChanges(toJsonSchema(was), toJsonSchema(is))
      const [before, after] = [await taken(was, values), await taken(is, values)]
      const refused = values.filter((_, at) => before[at] === true && after[at] === false)
      const isCompatible = found.every((change) => change.isCompatible === true)
      seen[isCompatible ? 'compatible' : 'incompatible'] += 1
      if (refused.length > 0) seen.refuted += 1
      if (isCompatible) expect(refused, JSON.stringify({ old, now, found })).toEqual([])
    }),
    { numRuns: RUNS },
  )
  // Neither answer is given to all of them, and values do tell schemas apart.
  expectShare('compatible', seen.compatible, { of: RUNS, typical: 0.39 })
  expectShare('incompatible', seen.incompatible, { of: RUNS, typical: 0.61 })
  expectShare('refuted', seen.refuted, { of: RUNS, typical: 0.38 })
})
