import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { acceptedValue, issuesOf, staged, storedLayer, type Tree } from './staged.test.kit.ts'

const NAMES = [
  'c',
  'b',
  'a',
  '10',
  '9',
  '01',
  'B',
  'é',
  'e\u0301',
  '\u{1F600}',
  '\uffff',
  '-1',
  'a.b',
  ' ',
  'then',
  'toJSON',
]
const MANY = Array.from({ length: 40 }, (_, index) => `n${(index * 7) % 40}`)

/** Every order a tree may have come in: forwards, backwards, from the middle; with a name that came and went. */
const orders = (names: readonly string[]): readonly (readonly string[])[] => [
  names,
  names.toReversed(),
  [...names.slice(5), ...names.slice(0, 5)],
]

const text = (value: unknown) => inspect(value, { depth: null, showHidden: false, maxArrayLength: null })
const any = z.string()
const joined = z.record(z.string(), any).transform((record) => Object.keys(record).join())

describe('records and maps come in the order of their names, whatever the history', () => {
  test.each<[string, z.ZodType]>([
    ['a record', z.record(z.string(), any)],
    ['a map', z.map(z.string(), any)],
    ['a record with a refinement', z.record(z.string(), any).refine(() => true)],
    ['a record with a transform', joined],
    ['a record of checked keys', z.record(z.string().min(1), any)],
    ['a loose object', z.looseObject({ b: any.optional(), z: any.default('d'), a: any.optional() })],
    ['a catchall', z.object({ b: any.optional() }).catchall(any)],
    ['any value', z.unknown()],
    ['any JSON', z.json()],
    ['a union', z.union([z.record(z.string(), any), z.number()])],
    ['an intersection', z.intersection(z.record(z.string(), any), z.looseObject({ b: any.optional() }))],
    ['a preprocess', z.preprocess((value) => Object.keys(value as object), z.unknown())],
    ['a list of named children', z.array(any)],
    ['a set of named children', z.set(any)],
  ])('%s', (_name, it) => {
    for (const names of [NAMES, MANY]) {
      const values = new Set<string>()
      for (const order of orders(names)) {
        const { patch, replace } = staged(z.object({ it }))
        for (const name of order) patch(0, { [`it/${name}`]: `"${name}"` })
        patch(0, { 'it/gone': 'x' })
        values.add(text(acceptedValue(patch(0, { 'it/gone': undefined }))))
        const tree = Object.fromEntries(order.map((name) => [`it/${name}`, `"${name}"`]))
        values.add(text(acceptedValue(replace(0, tree))))
        values.add(text(acceptedValue(staged(z.object({ it })).replace(0, tree))))
        // in two layers, and as what is left when a third went away
        const layered = staged(z.object({ it }), { layers: ['a', 'b', 'c'].map(storedLayer) })
        const isList = it instanceof z.ZodArray || it instanceof z.ZodSet
        for (const [index, name] of order.entries())
          layered.patch(isList ? 1 : index % 2, { [`it/${name}`]: `"${name}"` })
        layered.patch(2, { [`it/${order[3]}`]: 'over' })
        values.add(text(acceptedValue(layered.patch(2, { [`it/${order[3]}`]: undefined }))))
      }
      expect([...values]).toHaveLength(1)
    }
  })

  test('which order: whole numbers by size, then the others by their code units, as objects have them', () => {
    const tree = Object.fromEntries(NAMES.map((name) => [`it/${name}`, 'x']))
    const { it: map } = acceptedValue(staged(z.object({ it: z.map(z.string(), any) })).patch(0, tree)) as {
      it: Map<string, string>
    }
    const { it: record } = acceptedValue(
      staged(z.object({ it: z.record(z.string(), any) })).patch(0, tree),
    ) as { it: object }
    expect([...map.keys()]).toEqual(['9', '10', ...NAMES.filter((name) => !/^(9|10)$/.test(name)).sort()])
    expect(Object.keys(record)).toEqual([...map.keys()])
  })

  test.each<[string, z.ZodType, unknown, unknown]>([
    ['any value', z.unknown(), { b: [{ d: 1, c: 2 }], a: 1 }, { a: 1, b: [{ c: 2, d: 1 }] }],
    ['any JSON', z.json(), { b: { d: 1, c: 2 }, a: [] }, { a: [], b: { c: 2, d: 1 } }],
    ['a list of records', z.array(z.record(z.string(), z.number())), [{ b: 1, a: 2 }], [{ a: 2, b: 1 }]],
    ['a list of maps', z.array(z.map(z.string(), z.number())), [{ b: 1, a: 2 }], [{ a: 2, b: 1 }]],
    [
      'a list of loose objects',
      z.array(z.looseObject({})),
      [{ b: 1, a: { d: 1, c: 2 } }],
      [{ a: { c: 2, d: 1 }, b: 1 }],
    ],
    [
      'a union',
      z.array(z.union([z.number(), z.record(z.string(), z.unknown())])),
      [{ b: 1, a: 2 }],
      [{ a: 2, b: 1 }],
    ],
    ['a preprocess', z.preprocess((it) => JSON.stringify(it), z.string()), { b: 1, a: 2 }, { a: 2, b: 1 }],
  ])('names inside a document: %s', (_name, it, one, other) => {
    const schema = z.object({ it })
    for (const written of [
      (value: unknown): Tree => ({ '': JSON.stringify({ it: value }) }),
      (value: unknown): Tree => ({ it: value }),
    ]) {
      const { patch } = staged(schema)
      const first = text(acceptedValue(patch(0, written(one))))
      expect(text(acceptedValue(patch(0, written(other))))).toBe(first)
      expect(text(acceptedValue(staged(schema).patch(0, written(other))))).toBe(first)
    }
  })

  test('what a schema puts into another order is another value, and told', () => {
    const it = z.string().transform((order) => Object.fromEntries(order.split('').map((name) => [name, 1])))
    const { pipeline, patch } = staged(z.object({ it }))
    const before = acceptedValue(patch(0, { it: 'ab' })) as { it: object }
    const after = acceptedValue(patch(0, { it: 'ba' })) as { it: object }
    expect(Object.keys(after.it)).toEqual(['b', 'a'])
    expect(pipeline.diff(before, after)).toMatchObject([{ pathText: 'it', type: 'changed' }])
    expect(acceptedValue(patch(0, { it: 'ba' }))).toBe(after)
  })

  test.each<[string, z.ZodType, string, string]>([
    ['a set', z.set(z.number()), '[1, 2]', '[2, 1]'],
    ['a set of objects', z.set(z.object({ a: z.number() })), '[{"a": 1}, {"a": 2}]', '[{"a": 2}, {"a": 1}]'],
    ['a map made of pairs', z.map(z.string(), z.number()), '[["a", 1], ["b", 2]]', '[["b", 2], ["a", 1]]'],
  ])('%s in another order is as a fresh instance has it', (_name, it, one, other) => {
    const { patch } = staged(z.object({ it }))
    patch(0, { it: one })
    expect(text(acceptedValue(patch(0, { it: other })))).toBe(
      text(acceptedValue(staged(z.object({ it })).patch(0, { it: other }))),
    )
  })

  test('lists of numbered children go by number, however many digits or zeros there are', () => {
    const names = ['2', '10', '002', '1', `1${'0'.repeat(400)}`, `2${'0'.repeat(400)}`, 'x', '']
    for (const order of orders(names)) {
      const tree = Object.fromEntries(order.map((name) => [`it/${name}`, name]))
      const { it } = acceptedValue(staged(z.object({ it: z.array(any) })).patch(0, tree)) as { it: string[] }
      expect(it).toEqual(['1', '2', '002', '10', `1${'0'.repeat(400)}`, `2${'0'.repeat(400)}`, '', 'x'])
    }
  })

  test('issues and unused keys come in the same order too', () => {
    const schema = z.object({
      it: z.record(z.string(), z.number()),
      strict: z.strictObject({}).optional(),
      o: z.object({ x: z.string().optional() }),
    })
    const keys = ['it/c', 'it/a', 'strict/y', 'strict/x', 'o/q', 'o/p', 'z', 'y', 'o/x/below', 'it/c/d']
    const said = orders(keys).map((order) => {
      const { patch } = staged(schema, { unused: 'reject' })
      for (const key of order) patch(0, { [key]: 'bad' })
      const outcome = patch(0, { 'a/%zz': 'x' })
      return JSON.stringify([issuesOf(outcome), outcome.unused], (name, value) =>
        name === 'revision' ? 0 : value,
      )
    })
    expect(new Set(said).size).toBe(1)
  })
})
