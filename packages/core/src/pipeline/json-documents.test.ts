import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import type { LayerInfo } from '../source/source.ts'
import { acceptedValue, envLayer, staged, storedLayer } from './staged.test.kit.ts'

const nested: LayerInfo = { name: 'file', keyPrefix: 'f#/', separator: '/', naming: 'stored', isNested: true }
const layers = [storedLayer('base'), storedLayer('prod'), nested, envLayer]

const numbers = z.record(z.string(), z.number())
const pair = z.object({ t: z.number().optional(), u: z.number().optional(), n: numbers.optional() })
/** Where text that is no JSON has no meaning. */
const OBJECTS: readonly (readonly [string, z.ZodType])[] = [
  ['a record', z.record(z.string(), z.union([z.number(), numbers]))],
  ['an object', pair],
  ['a nullable object', pair.nullable()],
  ['an optional union with a number', z.union([z.number(), pair]).optional()],
  ['a union with a boolean', z.union([pair, z.boolean()])],
  ['a union with a list', z.union([z.array(z.number()), pair])],
  ['a union of objects', z.union([pair.extend({ k: z.string() }), pair])],
  ['any JSON', z.json()],
  ['any JSON with a default', z.json().default(null)],
]
/** Where any text may be meant. */
const TEXTS: readonly (readonly [string, z.ZodType])[] = [
  ['a union with text', z.union([pair, z.string()])],
  ['a union with text first', z.union([z.string(), pair])],
  ['anything', z.any()],
  ['what is unknown', z.unknown()],
]
const LOWER = { 'f/t': '1', 'f/u': '2', 'f/n/x': '3', 'f/n/y': '4' }
const REMOVE = 'livetree:remove'
const EMPTY = 'livetree:empty'
const numbered = (value: unknown): unknown =>
  typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, numbered(inner)]))
    : Number(value)

/** What `f` is with `document` over the lower layer, in each form. Bare keys are text where the schema takes any. */
function forms(schema: z.ZodType, document: object): unknown[] {
  const text = JSON.stringify(document)
  const blank = ` ${JSON.stringify(document, undefined, 2)}\n`
  const leaves = (value: unknown, path: string): [string, unknown][] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, inner]) => leaves(inner, `${path}/${name}`))
      : [[path, value]]
  const nodes: [number, Record<string, unknown>][] = [
    [1, { f: text }],
    [1, { f: blank }],
    [3, { F: text }],
    [2, Object.fromEntries(leaves(document, 'f'))],
  ]
  return nodes.map(([layer, changes]) => {
    const { patch } = staged(z.object({ f: schema }), { layers, guard: false })
    const before = acceptedValue(patch(0, LOWER))
    const { f } = acceptedValue(patch(layer, changes)) as { f: unknown }
    const gone = Object.fromEntries(Object.keys(changes).map((key) => [key, undefined]))
    expect(acceptedValue(patch(layer, gone))).toEqual(before)
    // a tree that is new has the same value as one that was changed
    const fresh = staged(z.object({ f: schema }), { layers, guard: false })
    fresh.patch(0, LOWER)
    expect(acceptedValue(fresh.patch(layer, changes))).toEqual({ f })
    return numbered(f)
  })
}

describe('JSON text in a key', () => {
  it.each([...OBJECTS, ...TEXTS])('hides what lower layers have, as a file does: %s', (_what, schema) => {
    const cases: [object, object][] = [
      [{ t: REMOVE }, { u: 2, n: { x: 3, y: 4 } }],
      [
        { t: 5, n: REMOVE },
        { t: 5, u: 2 },
      ],
      [{ n: { x: REMOVE } }, { t: 1, u: 2, n: { y: 4 } }],
      [
        { n: EMPTY, u: 6 },
        { t: 1, u: 6, n: {} },
      ],
    ]
    for (const [document, expected] of cases)
      for (const value of forms(schema, document)) expect(value, JSON.stringify(document)).toEqual(expected)
  })

  it.each(OBJECTS)('is merged with lower layers, as a file is: %s', (_what, schema) => {
    for (const value of forms(schema, { t: 5, n: { x: 6 } }))
      expect(value).toEqual({ t: 5, u: 2, n: { x: 6, y: 4 } })
  })

  it('hides nothing by a text in a list, or as a part of a text', () => {
    const text = `{"l": ["${REMOVE}"], "q": "a ${REMOVE}"}`
    const { patch } = staged(z.object({ f: z.json(), g: z.any() }), { layers, guard: false })
    patch(0, { 'f/t': '1', 'g/t': '1' })
    const f = { t: 1, l: [REMOVE], q: `a ${REMOVE}` }
    expect(acceptedValue(patch(1, { f: text, g: text }))).toEqual({ f, g: text })
  })

  it('is text in a file, whatever it says, where text may be meant', () => {
    const text = `{"t": "${REMOVE}"}`
    for (const [, schema] of [...TEXTS, ['', z.json()] as const]) {
      const { patch } = staged(z.object({ f: schema }), { layers, guard: false })
      patch(0, LOWER)
      expect(acceptedValue(patch(2, { f: text }))).toEqual({ f: text })
    }
  })

  it('is text where the schema takes text, and hides nothing', () => {
    const text = '{"t": 5}'
    const { patch } = staged(z.object({ f: z.any(), g: z.union([z.string(), pair]) }), {
      layers,
      guard: false,
    })
    expect(acceptedValue(patch(1, { f: text, g: text }))).toEqual({ f: text, g: text })
  })
})
