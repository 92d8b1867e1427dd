import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { flatten } from '../source/flatten.ts'
import { acceptedValue, issuesOf, staged, storedLayer, type Tree } from './staged.test.kit.ts'

const numbers = z.record(z.string(), z.number())
const one = z.object({ a: z.number().optional() })

/** `@` is where the name stands, as the first of an object; the same text without it says what has to be read. */
const rows: readonly [name: string, schema: z.ZodType, text: string][] = [
  ['record', numbers, '{@"a":1}'],
  ['object', one, '{@"a":1}'],
  ['object in an object', z.object({ o: one }), '{"o":{@"a":1}}'],
  ['list of objects', z.array(one), '[{@"a":1}]'],
  ['list of strict objects', z.array(z.strictObject({ a: z.number() })), '[{@"a":1}]'],
  ['list of loose objects', z.array(z.looseObject({ a: z.number() })), '[{@"a":1}]'],
  ['list of records', z.array(numbers), '[{@"a":1},{@}]'],
  ['list of lists', z.array(z.array(numbers)), '[[{@}],[{}]]'],
  ['tuple', z.tuple([z.number(), one]), '[1,{@"a":1}]'],
  ['set', z.set(z.number()).or(z.array(numbers)), '[{@"a":1}]'],
  ['map', z.map(z.string(), numbers), '{@"k":{@"a":1}}'],
  ['map pairs', z.map(z.string(), numbers), '[["k",{@"a":1}]]'],
  ['union', z.union([z.number(), numbers]), '{@"a":1}'],
  ['union in a list', z.array(z.union([z.number(), numbers])), '[1,{@"a":1}]'],
  [
    'tagged union',
    z.array(z.discriminatedUnion('t', [z.object({ t: z.literal('x') }), z.object({ t: z.literal('y') })])),
    '[{@"t":"x"}]',
  ],
  ['intersection', z.intersection(numbers, z.object({ a: z.number() })), '{@"a":1}'],
  ['intersection in a list', z.array(z.intersection(numbers, z.object({ a: z.number() }))), '[{@"a":1}]'],
  ['any JSON', z.json(), '{@"a":1,"b":{@},"c":[{@},[{@"d":"text"}]]}'],
  ['any JSON, nothing else', z.json(), '{@}'],
  ['any JSON with a default', z.json().default('DEFAULT'), '{@}'],
  ['any JSON in a record', z.record(z.string(), z.json()), '{"a":{@},"b":[{@}]}'],
  ['any value', z.object({ o: z.any() }), '{"o":{@"a":1,"b":{@},"c":[{@},[{@"d":1}]]}}'],
  ['any value with a default', z.object({ o: z.unknown().default('DEFAULT') }), '{"o":{@}}'],
  ['record with a default', numbers.default({ a: 1 }), '{@}'],
  ['records with a default', z.object({ r: z.object({ s: numbers.default({ a: 1 }) }) }), '{"r":{"s":{@}}}'],
  ['optional object', z.object({ o: one.optional() }), '{"o":{@}}'],
  ['catchall', z.object({}).catchall(z.json()), '{"a":{@},"b":[{@}]}'],
  ['catchall in a list', z.array(z.object({}).catchall(numbers)), '[{"a":{@"b":1}}]'],
  ['loose object', z.looseObject({ a: z.number() }), '{@"a":1,"b":[{@"c":1}]}'],
  ['refined', z.array(numbers).refine(() => true), '[{@"a":1}]'],
  ['transformed', z.json().transform((value) => JSON.stringify(value)), '[{@"a":1}]'],
]

const NAMES = [
  '"__proto__":1',
  '"__proto__":{"x":{"y":1}}',
  '"__proto__":{"__proto__":1}',
  '"__proto__":[{"z":1}]',
]

/** The text with the name in each place. */
function withName(text: string, name: string): string {
  return text.replaceAll('@}', `${name}}`).replaceAll('@', `${name},`)
}

/** The same content as each carrier brings it; `isNested` as files and programs do. */
function forms(text: string): [form: string, tree: Tree, isNested: boolean][] {
  const typed: unknown = JSON.parse(text)
  const leaves = flatten({ it: typed }).map((leaf) => [leaf.path, leaf.value])
  return [
    ['a file or memory', Object.fromEntries(leaves), true],
    ['a typed value', { it: typed }, false],
    ['a document at its key', { it: text }, false],
    ['a document at the root', { '': `{"it":${text}}` }, false],
  ]
}

describe('__proto__ is left out and told, wherever it stands', () => {
  test.each(rows)('%s', (_name, it, text) => {
    const schema = z.object({ it })
    const plain = forms(text.replaceAll('@', '').replaceAll(',}', '}'))
    for (const name of NAMES)
      for (const [index, [form, tree, isNested]] of forms(withName(text, name)).entries()) {
        const layers = [{ ...storedLayer('base'), isNested }]
        const where = `${form}: ${JSON.stringify(tree)}`
        const { patch } = staged(schema, { layers })
        const outcome = patch(0, tree)
        const expected = acceptedValue(staged(schema, { layers }).patch(0, plain[index]?.[1] ?? {}))
        expect(acceptedValue(outcome), where).toEqual(expected)
        expect(JSON.stringify(acceptedValue(outcome)), where).toBe(JSON.stringify(expected))
        expect(outcome.unused.length, where).toBeGreaterThanOrEqual(text.split('@').length - 1)
        for (const key of outcome.unused) {
          expect(key.reason, where).toMatch('the name __proto__')
          expect(key.pathText, where).toMatch('__proto__')
          expect(key.didYouMean, where).toBeUndefined()
        }
        const refused = staged(schema, { layers, unused: 'reject' }).patch(0, tree)
        expect(issuesOf(refused)[0], where).toMatchObject({
          code: 'unused',
          message: /^Has the name __proto__/,
        })
        // another form of the same content takes its place, and what was told goes with it
        const gone = Object.fromEntries(Object.keys(tree).map((path) => [path, undefined]))
        expect(patch(0, { ...gone, ...plain[index]?.[1] }).unused, where).toEqual([])
      }
  })

  test('text that only quotes it says nothing of it', () => {
    const quoted = '["{\\"__proto__\\":1}"]'
    for (const it of [z.json(), z.any(), z.array(z.union([z.string(), numbers])), z.array(z.string())])
      for (const [form, tree, isNested] of forms(quoted)) {
        const outcome = staged(z.object({ it }), { layers: [{ ...storedLayer('base'), isNested }] }).patch(
          0,
          tree,
        )
        if (it instanceof z.ZodAny && form === 'a document at its key') continue
        expect(acceptedValue(outcome), form).toEqual({ it: ['{"__proto__":1}'] })
        expect(outcome.unused, form).toEqual([])
      }
  })

  test('a layer above that covers it takes what was told away', () => {
    const { patch } = staged(z.object({ it: z.json() }))
    expect(patch(0, { it: '[{"__proto__":1}]' }).unused).toMatchObject([
      { pathText: 'it.0.__proto__', origin: { key: '/base/it', revision: 1 } },
    ])
    expect(patch(1, { it: '[1]' }).unused).toEqual([])
    expect(patch(1, { it: undefined }).unused).toHaveLength(1)
  })
})
