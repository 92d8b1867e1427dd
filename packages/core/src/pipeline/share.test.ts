import { describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { read, staged, type Tree, acceptedValue } from './staged.test.kit.ts'

type Parts = Record<string, unknown>

describe('shareFrozen: what is equal keeps its identity', () => {
  const item = z.object({ x: z.number().optional(), o: z.object({ y: z.string().optional() }) })
  const rows: [string, z.ZodType, Tree, Tree][] = [
    ['an object', item, { 'it/x': '1', 'it/o/y': 'a' }, { 'it/x': '2' }],
    ['a refined object', item.refine(() => true), { 'it/x': '1', 'it/o/y': 'a' }, { 'it/x': '2' }],
    ['a record', z.record(z.string(), item), { 'it/a/x': '1', 'it/o/o/y': 'a' }, { 'it/a/x': '2' }],
    ['a loose object', z.looseObject({}), { 'it/x': '1', 'it/o/y': 'a' }, { 'it/x': '2' }],
    ['a document', item, { it: '{"x": 1, "o": {"y": "a"}}' }, { it: '{"o": {"y": "a"}, "x": 2}' }],
    ['a union', z.union([item, z.string()]), { 'it/x': '1', 'it/o/y': 'a' }, { 'it/x': '2' }],
    [
      'a transform',
      item.transform(({ x, o }) => ({ x, o: { ...o } })),
      { 'it/x': '1', 'it/o/y': 'a' },
      { 'it/x': '2' },
    ],
  ]

  test.each(rows)('%s', (_name, it, tree, edit) => {
    const { patch } = staged(z.object({ it, beside: z.object({ a: z.array(z.string()).default(['d']) }) }))
    const before = acceptedValue(patch(0, { ...tree, 'beside/a': '["z"]' })) as Parts
    const after = acceptedValue(patch(0, edit)) as Parts
    expect(after).not.toBe(before)
    expect(after.it).not.toBe(before.it)
    expect((after.it as Parts).o).toBe((before.it as Parts).o)
    expect(after.beside).toBe(before.beside)
    expect(patch(0, edit)).toEqual({ type: 'unchanged', value: after, unused: [] })
    expect(acceptedValue(patch(1, { 'beside/a': '["z"]' }))).toBe(after)
  })

  test.each<[string, z.ZodType, string, string]>([
    ['date', z.date(), '2026-01-02', '2026-01-02T00:00:00Z'],
    ['set', z.set(z.number()), '[1, 2]', '["1", 2]'],
    ['set of objects', z.set(z.object({ a: z.number() })), '[{"a": 1}]', '[{"a": "1"}]'],
    ['map', z.map(z.string(), z.object({ a: z.number() })), '{"x": {"a": 1}}', '{"x": {"a": "1"}}'],
    ['bytes', z.instanceof(Uint8Array), 'aGk=', 'aGk=\n'],
    ['list', z.array(z.number()), '[1, 2]', '["1","2"]'],
    ['number', z.number(), '1', '1.0'],
    ['not a number', z.nan(), 'NaN', 'NaN\n'],
    ['bigint', z.bigint(), '1', '+1'],
  ])('a %s that is written in another way is unchanged', (_name, it, before, after) => {
    const { patch } = staged(z.object({ it }))
    const value = acceptedValue(patch(0, { it: before }))
    expect(patch(0, { it: after })).toEqual({ type: 'unchanged', value, unused: [] })
    expect(acceptedValue(patch(0, { it: before }))).toBe(value)
  })

  test.each<[string, z.ZodType, string, string]>([
    ['0 and -0', z.number(), '0', '-0'],
    ['a list and one item more', z.array(z.number()), '[1]', '[1, 2]'],
    ['a list and one item fewer', z.array(z.number()), '[1, 2]', '[1]'],
    [
      'a list and an object',
      z.union([z.array(z.number()), z.record(z.string(), z.number())]),
      '["1"]',
      '{"0": "1"}',
    ],
    ['an object and one name more', z.record(z.string(), z.number()), '{"a": 1}', '{"a": 1, "b": 2}'],
    ['an object and one name fewer', z.record(z.string(), z.number()), '{"a": 1, "b": 2}', '{"a": 1}'],
    ['an object and another name', z.record(z.string(), z.number()), '{"a": 1}', '{"b": 1}'],
    ['a list as JSON and one item fewer', z.array(z.object({})), '[{}, {}]', '[{}]'],
    ['a map and one key more', z.map(z.string(), z.number()), '{"a": 1}', '{"a": 1, "b": 2}'],
    ['a map and one key fewer', z.map(z.string(), z.number()), '{"a": 1, "b": 2}', '{"a": 1}'],
    ['a map and another key', z.map(z.string(), z.number()), '{"a": 1}', '{"b": 1}'],
    ['a date', z.date(), '2026-01-02', '2026-01-03'],
    ['bytes', z.instanceof(Uint8Array), 'aGk=', 'aGo='],
    ['a set', z.set(z.number()), '[1]', '[2]'],
  ])('%s are not the same', (_name, it, before, after) => {
    const { patch } = staged(z.object({ it }))
    const value = acceptedValue(patch(0, { it: before }))
    const outcome = patch(0, { it: after })
    expect(outcome.type).toBe('accepted')
    expect(acceptedValue(outcome)).not.toEqual(value)
    expect(acceptedValue(outcome)).toEqual(read(z.object({ it }), { it: after }))
  })

  test('below a catchall too', () => {
    const { patch } = staged(z.object({}).catchall(z.object({ l: z.array(z.string()) }).loose()))
    const before = acceptedValue(patch(0, { 'x/a': '1', 'x/l': '["y"]', 'z/l': '[]' })) as Record<
      string,
      Parts
    >
    const after = acceptedValue(patch(0, { 'x/a': '2' })) as Record<string, Parts>
    expect(after.x).toEqual({ a: '2', l: ['y'] })
    expect(after.x!.l).toBe(before.x!.l)
    expect(after.z).toBe(before.z)
    expect(acceptedValue(patch(0, { 'x/a': '1', x: undefined }))).toEqual(before)
  })

  test('where a catchall takes what is unknown, and it is judged whole', () => {
    const { patch } = staged(z.looseObject({}))
    const before = acceptedValue(patch(0, { 'x/a': '1', 'x/o/y': 'b' })) as Record<string, Parts>
    const after = acceptedValue(patch(0, { 'x/a': '2' })) as Record<string, Parts>
    expect(after.x!.o).toBe(before.x!.o)
  })

  test('a tree that was refused and put back is unchanged, and so is all in it', () => {
    const { patch } = staged(z.object({ it: item, n: z.record(z.string(), z.number()) }))
    const value = acceptedValue(patch(0, { 'it/x': '1', 'it/o/y': 'a', 'n/a': '1' }))
    expect(patch(0, { 'it/x': 'x', 'it/o/y': 'b', 'n/b': '2' }).type).toBe('rejected')
    expect(patch(0, { 'it/o/y': 'c' }).type).toBe('rejected')
    expect(patch(0, { 'it/x': '1', 'it/o/y': 'a', 'n/b': undefined })).toEqual({
      type: 'unchanged',
      value,
      unused: [],
    })
    expect(acceptedValue(patch(0, { 'n/a': '1.0' }))).toBe(value)
  })

  test('what was good in a refused tree is taken when the rest is mended', () => {
    const { patch } = staged(z.object({ a: z.object({ x: z.string() }), b: z.number() }))
    const before = acceptedValue(patch(0, { 'a/x': '1', b: '1' })) as Parts
    expect(patch(0, { 'a/x': '2', b: 'x' }).type).toBe('rejected')
    expect(acceptedValue(patch(0, { b: '1' }))).toEqual({ a: { x: '2' }, b: 1 })
    expect(before).toEqual({ a: { x: '1' }, b: 1 })
  })

  test('a name on Object.prototype is no earlier value', () => {
    const { patch } = staged(z.object({ it: z.looseObject({}), r: z.record(z.string(), z.unknown()) }))
    patch(0, { 'it/a': '1' })
    expect(
      acceptedValue(patch(0, { 'it/constructor': '2', 'it/toString/x': '3', 'r/valueOf/x': '4' })),
    ).toEqual({
      it: { a: '1', constructor: '2', toString: { x: '3' } },
      r: { valueOf: { x: '4' } },
    })
  })
})

describe('shareFrozen: what is handed out cannot be changed', () => {
  test.each<[string, z.ZodType, string]>([
    ['an object', z.object({ a: z.array(z.object({})) }), '{"a": [{}]}'],
    ['a record', z.record(z.string(), z.array(z.string())), '{"a": ["x"]}'],
    ['unknown', z.unknown(), 'x'],
    ['json', z.json(), '{"a": [{"b": []}]}'],
    ['a transform', z.string().transform((a) => ({ a, l: [{ a }] })), 'x'],
    ['a map', z.map(z.string(), z.array(z.string())), '{"a": ["x"]}'],
    ['a set', z.set(z.object({ a: z.string() })), '[{"a": "x"}]'],
    ['a date', z.date(), '2026-01-02'],
  ])('%s is frozen all the way down', (_name, it, text) => {
    const look = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return
      expect(Object.isFrozen(value)).toBe(true)
      const inner = value instanceof Map || value instanceof Set ? value.values() : Object.values(value)
      for (const part of inner) look(part)
    }
    look(read(z.object({ it }), { it: text }))
  })

  test('a Date, Map or Set refuses to be written to, and reads as ever', () => {
    const schema = z.object({ d: z.date(), m: z.map(z.string(), z.number()), s: z.set(z.number()) })
    const value = read(schema, { d: '2026-01-02', 'm/a': '1', s: '[1]' }) as {
      d: Date
      m: Map<string, number>
      s: Set<number>
    }
    const writes: [string, () => unknown][] = [
      ['setTime', () => value.d.setTime(0)],
      ['setFullYear', () => value.d.setFullYear(1)],
      ['setUTCHours', () => value.d.setUTCHours(1)],
      ['set', () => value.m.set('b', 2)],
      ['delete', () => value.m.delete('a')],
      ['clear', () => value.m.clear()],
      ['add', () => value.s.add(2)],
      ['delete', () => value.s.delete(1)],
      ['clear', () => value.s.clear()],
    ]
    for (const [name, write] of writes)
      expect(write).toThrow(`Cannot call ${name}(): the configuration is immutable`)
    expect(value.d.toISOString()).toBe('2026-01-02T00:00:00.000Z')
    expect([...value.m, ...value.s]).toEqual([['a', 1], 1])
    expect(new Set([...value.s, 2]).size).toBe(2)
  })

  test('nothing of the user’s own is frozen: defaults, what a catch gives, typed values, results of transforms', () => {
    const own = {
      list: [{ a: 1 }],
      caught: { a: [1] },
      typed: { a: [{ b: 1 }] },
      shared: { a: { b: 1 } },
      map: new Map([['a', { b: 1 }]]),
      date: new Date(0),
    }
    const schema = z.object({
      list: z.array(z.object({ a: z.number() })).default(own.list),
      caught: z.object({ a: z.array(z.number()) }).catch(own.caught),
      typed: z.unknown(),
      shared: z.string().transform(() => own.shared),
      map: z.map(z.string(), z.object({ b: z.number() })).default(own.map),
      date: z.date().default(own.date),
    })
    const value = read(schema, { caught: 'x', typed: [own.typed], shared: 'x' }) as Parts
    expect(Object.isFrozen(value.shared)).toBe(true)
    const look = (part: unknown): void => {
      if (typeof part !== 'object' || part === null) return
      expect(Object.isFrozen(part)).toBe(false)
      for (const inner of part instanceof Map ? part.values() : Object.values(part)) look(inner)
    }
    look(own)
    own.list[0]!.a = 2
    own.caught.a.push(2)
    own.typed.a[0]!.b = 2
    own.shared.a.b = 2
    own.map.clear()
    own.date.setTime(1)
    expect(value).toEqual({
      list: [{ a: 1 }],
      caught: { a: [1] },
      typed: [{ a: [{ b: 1 }] }],
      shared: { a: { b: 1 } },
      map: new Map([['a', { b: 1 }]]),
      date: new Date(0),
    })
  })

  test('an instance of a class is handed on as it is', () => {
    const error = new Error('shared')
    const { it } = read(z.object({ it: z.string().transform(() => error) }), { it: 'x' }) as { it: Error }
    expect(it).toBe(error)
    expect(Object.isFrozen(error)).toBe(false)
  })

  test('default factories are called once for as long as nothing comes in their place', () => {
    const make = vi.fn(() => ({ a: [1] }))
    const it = z.object({ a: z.array(z.number()) }).default(make)
    const { patch } = staged(z.object({ it, n: z.number(), r: z.record(z.string(), z.string()) }))
    const before = acceptedValue(patch(0, { n: '1' })) as Parts
    const calls = make.mock.calls.length
    for (let n = 2; n < 9; n++)
      expect((acceptedValue(patch(0, { n: `${n}`, 'r/a': `${n}` })) as Parts).it).toBe(before.it)
    expect(make).toHaveBeenCalledTimes(calls)
    patch(0, { 'it/a/0': '5' })
    expect((acceptedValue(patch(0, { 'it/a/0': undefined })) as Parts).it).toEqual({ a: [1] })
    expect(make.mock.calls.length).toBeGreaterThan(calls)
  })
})
