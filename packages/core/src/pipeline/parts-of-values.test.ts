import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { memory } from '../source/memory.ts'
import { recordSource } from '../testing/record-source.ts'
import { acceptedValue, issuesOf, staged, storedLayer } from './staged.test.kit.ts'

const memoryLayer = memory().layers![0]!
const NESTED = { layers: [memoryLayer] }

function nestedTree(value: object): Record<string, unknown> {
  return recordSource(memory(value)).layer() as Record<string, unknown>
}

const a = z.object({ a: z.number().optional(), at: z.object({ x: z.number() }).optional() })
const b = z.object({ b: z.string().optional(), at: z.object({ y: z.string() }).optional() })

describe('an intersection gives each part to the sides that know it', () => {
  const value = { a: '1', b: 5, at: { x: '2', y: 7 } }
  const expected = { a: 1, b: '5', at: { x: 2, y: '7' } }

  test.each<[string, z.ZodType, unknown, unknown]>([
    ['in a list', z.array(a.and(b)), [value], [expected]],
    ['the other way round', z.array(b.and(a)), [value], [expected]],
    ['in a record in a list', z.array(z.record(z.string(), a.and(b))), [{ k: value }], [{ k: expected }]],
    [
      'with more sides',
      z.array(a.and(b).and(z.object({ c: z.bigint() }))),
      [{ ...value, c: '3' }],
      [{ ...expected, c: 3n }],
    ],
    ['of lists', z.array(a).and(z.array(b)), [value], [expected]],
    [
      'with a record',
      z.array(a.and(z.record(z.string(), z.any()))),
      [{ a: '1', z: '2' }],
      [{ a: 1, z: '2' }],
    ],
    ['with a catchall', z.array(a.and(z.object({}).catchall(z.any()))), [{ a: '1' }], [{ a: 1 }]],
    [
      'with a union',
      z.array(
        a.and(z.union([z.object({ k: z.literal('b'), b: z.string() }), z.object({ k: z.literal('c') })])),
      ),
      [{ a: '1', k: 'b', b: 5 }],
      [{ a: 1, k: 'b', b: '5' }],
    ],
    ['with anything', z.array(z.any().and(a)), [{ a: '1' }], [{ a: 1 }]],
    [
      'where a part is made when it is absent',
      z.array(a.and(z.object({ d: z.object({ e: z.number().default(3) }) }))),
      [{ a: '1' }],
      [{ a: 1, d: { e: 3 } }],
    ],
  ])('%s', (_what, schema, given, wanted) => {
    const { patch } = staged(z.object({ it: schema }))
    expect(acceptedValue(patch(0, { it: JSON.stringify(given) }))).toEqual({ it: wanted })
    expect(acceptedValue(patch(0, { it: given }))).toEqual({ it: wanted })
  })

  test('as it stands in a document and in keys', () => {
    const { patch } = staged(z.object({ it: a.and(b) }))
    expect(acceptedValue(patch(0, { it: JSON.stringify(value) }))).toEqual({ it: expected })
    expect(acceptedValue(patch(0, { it: undefined, 'it/a': '1', 'it/b': '5' }))).toEqual({
      it: { a: 1, b: '5' },
    })
  })
})

describe('quoted text of a document is text', () => {
  test.each<[string, z.ZodType, unknown, unknown]>([
    ['null, where text is taken', z.string().nullable(), 'null', 'null'],
    ['null itself', z.string().nullable(), null, null],
    ['null, where a union takes text', z.union([z.number(), z.string()]).nullable(), 'null', 'null'],
    ['null, where no text is taken', z.number().nullable(), 'null', null],
    ['a word for false', z.union([z.boolean(), z.string()]), 'no', 'no'],
    ['false itself', z.union([z.boolean(), z.string()]), false, false],
    ['a number', z.union([z.number(), z.string()]), '8080', '8080'],
    ['a number, where no text is taken', z.union([z.number(), z.boolean()]), '8080', 8080],
    ['a number, where only one is taken', z.number(), '8080', 8080],
    ['a date', z.union([z.date(), z.string()]), '2026-01-01', '2026-01-01'],
    ['a list', z.union([z.array(z.string()), z.string()]), '["a"]', '["a"]'],
  ])('%s', (_what, schema, given, wanted) => {
    for (const at of ['a', 'l'] as const) {
      const shape = { a: schema, l: z.array(z.object({ a: schema })) }
      const { patch } = staged(z.object({ it: z.object({ [at]: shape[at] }) }))
      const content = at === 'a' ? { a: given } : { l: [{ a: given }] }
      const expected = at === 'a' ? { a: wanted } : { l: [{ a: wanted }] }
      expect(acceptedValue(patch(0, { it: JSON.stringify(content) }))).toEqual({ it: expected })
      expect(
        acceptedValue(
          staged(z.object({ it: z.object({ [at]: shape[at] }) }), NESTED).patch(
            0,
            nestedTree({ it: content }),
          ),
        ),
      ).toEqual({ it: expected })
    }
  })

  test('the text of a key is read by the schema, as before', () => {
    const { patch } = staged(z.object({ a: z.string().nullable(), b: z.union([z.boolean(), z.string()]) }))
    expect(acceptedValue(patch(0, { a: 'null', b: 'no' }))).toEqual({ a: null, b: false })
  })
})

describe('an object of a file or a program is no list', () => {
  test.each<[string, z.ZodType]>([
    ['list', z.array(z.string())],
    ['tuple', z.tuple([z.string()])],
    ['set', z.set(z.string())],
    ['list of objects', z.array(z.object({}))],
  ])('%s', (_what, schema) => {
    for (const object of [{ foo: 'x' }, { 0: 'x' }, { 0: { foo: 'x' } }]) {
      const { patch } = staged(z.object({ it: schema }), NESTED)
      const [issue] = issuesOf(patch(0, nestedTree({ it: object })))
      expect(issue).toMatchObject({ code: 'invalid_type', pathText: 'it' })
    }
    const layers = [memoryLayer, storedLayer('base')]
    const { patch } = staged(z.object({ it: z.array(z.string()) }), { layers })
    patch(0, nestedTree({ it: { foo: 'x' } }))
    expect(acceptedValue(patch(1, { 'it/0': 'a' }))).toEqual({ it: ['a'] })
  })
})

test('a union that holds itself: unknown names are found in time that grows with the value', () => {
  interface Step {
    readonly next?: Step | undefined
  }
  const first: z.ZodType<Step> = z.lazy(() => z.object({ name: z.string(), next: step.optional() }))
  const second: z.ZodType<Step> = z.lazy(() => z.object({ title: z.string(), next: step.optional() }))
  const step: z.ZodType<Step> = z.lazy(() => z.union([first, second]))
  let value: object = { name: 'x', extra: 1 }
  for (let depth = 0; depth < 40; depth++) value = { name: 'x', next: value }
  const { patch } = staged(z.object({ it: z.array(step) }))
  const { unused } = patch(0, { it: JSON.stringify([value]) })
  expect(unused.map(({ pathText }) => pathText)).toEqual([`it.0.${'next.'.repeat(40)}extra`])
})
