import { describe, expect, it, test } from 'vitest'
import * as z from 'zod'
import { parseDocument } from '../source/parse-document.ts'
import { flatten } from '../source/flatten.ts'
import { acceptedValue, issuesOf, staged, storedLayer, type Tree } from './staged.test.kit.ts'

const kinds = {
  number: z.coerce.number(),
  bigint: z.coerce.bigint(),
  date: z.coerce.date(),
  string: z.coerce.string(),
  boolean: z.coerce.boolean(),
}
const nothing: Readonly<Record<string, unknown>> = { null: null, 'a list': [], 'an object': { a: {} } }

describe('what zod would coerce and nobody can mean', () => {
  for (const [kind, schema] of Object.entries(kinds)) {
    it.each(Object.entries(nothing))(`${kind}: refuses %s`, (what, value) => {
      for (const tree of [{ it: value }, { list: [value] }, { optional: value }, { record: { a: value } }]) {
        const whole = z.object({
          it: schema.optional(),
          list: z.array(schema).optional(),
          optional: schema.nonoptional().optional(),
          record: z.record(z.string(), schema).optional(),
        })
        const issues = issuesOf(staged(whole).patch(0, tree))
        expect(issues[0]?.message).toMatch(new RegExp(`${what} where a ${kind} is expected`))
      }
    })

    it(`${kind}: leaves null to an option before it`, () => {
      const whole = z.object({ it: z.union([z.null(), schema]), list: z.array(schema.nullable()) })
      const { patch } = staged(whole, { layers: [{ ...storedLayer('base'), isNested: true }] })
      expect(acceptedValue(patch(0, { it: null, list: [null] }))).toEqual({ it: null, list: [null] })
    })
  }

  it.each([
    ['number', ''],
    ['number', ' '],
    ['number', '\n'],
    ['boolean', 'flase'],
    ['boolean', ''],
  ] as const)('a %s of the text %j is refused', (kind, text) => {
    for (const tree of [{ it: text }, { list: JSON.stringify([text]) }]) {
      const whole = z.object({ it: kinds[kind].optional(), list: z.array(kinds[kind]).optional() })
      expect(issuesOf(staged(whole).patch(0, tree))[0]?.message).toMatch(/where a \w+ is expected/)
    }
  })

  it('a number of true is refused', () => {
    expect(issuesOf(staged(z.object({ it: z.coerce.number() })).patch(0, { it: true }))).toHaveLength(1)
  })

  it('reads what is meant as before', () => {
    const { patch } = staged(z.object(kinds))
    const tree = { number: '0x10', bigint: '5', date: '2026-01-02', string: 'x', boolean: 'off' }
    const value = { number: 16, bigint: 5n, date: new Date('2026-01-02'), string: 'x', boolean: false }
    expect(acceptedValue(patch(0, tree))).toEqual(value)
  })
})

describe('scalars of a document', () => {
  const leavesOf = async (text: string) =>
    Object.fromEntries(
      flatten(await parseDocument(Buffer.from(text), 'yaml')).map((leaf) => [leaf.path, leaf.value]),
    )

  it('are explained as they were written', async () => {
    const { patch, pipeline } = staged(z.object({ it: z.number(), list: z.array(z.number()) }))
    acceptedValue(patch(0, await leavesOf('it: 1.10\nlist: [1.10]')))
    expect(pipeline.explain('it').layers.map(({ value }) => value)).toEqual(['1.10'])
    expect(pipeline.explain('list').layers.map(({ value }) => value)).toEqual([[1.1]])
  })

  it.each([z.number(), z.boolean(), z.enum(['a']), z.coerce.number()])(
    'that are too large are text',
    async (schema) => {
      const { patch } = staged(z.object({ it: schema }))
      const [issue] = issuesOf(patch(0, await leavesOf(`it: 0x${'F'.repeat(400)}`)))
      expect(JSON.stringify(issue)).not.toMatch(/bigint/)
    },
  )
})

test.each<[string, z.ZodType, Tree]>([
  ['a key', z.union([z.coerce.number(), z.boolean()]), { it: '' }],
  ['text of a document', z.union([z.coerce.number(), z.boolean()]), { '': '{"it":""}' }],
  ['null', z.union([z.coerce.number(), z.boolean()]), { '': '{"it":null}' }],
  ['an item', z.array(z.union([z.coerce.number(), z.boolean()])), { it: '["",null]' }],
  ['a key of an option', z.union([z.object({ a: z.coerce.number() }), z.boolean()]), { 'it/a': '' }],
  [
    'a part of an option',
    z.array(z.union([z.object({ a: z.coerce.number() }), z.null()])),
    { it: '[{"a":""}]' },
  ],
  ['words for a boolean', z.union([z.number(), z.coerce.boolean()]), { it: 'maybe' }],
  ['xor', z.xor([z.coerce.number(), z.boolean()]), { it: '' }],
])('what an option of a union refuses is not coerced by zod: %s', (_what, part, tree) => {
  expect(issuesOf(staged(z.object({ it: part })).patch(0, tree))).not.toEqual([])
})
