import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { secret } from '../schema/secret.ts'
import { staged, type Tree, acceptedValue } from './staged.test.kit.ts'

const schema = z.object({
  a: z.number().optional(),
  o: z.object({ x: z.string().optional(), y: z.object({ z: z.string().optional() }).optional() }).optional(),
  r: z.record(z.string(), z.unknown()).optional(),
  l: z.array(z.object({ x: z.number() })).optional(),
  m: z.map(z.string(), z.number()).optional(),
  s: secret(z.string()).optional(),
  so: secret(z.object({ x: z.string() })).optional(),
  u: z
    .discriminatedUnion('by', [
      z.object({ by: z.literal('key'), v: secret(z.string()) }),
      z.object({ by: z.literal('name'), v: z.string() }),
    ])
    .optional(),
  n: z.union([z.object({ x: z.string() }), z.string()]).optional(),
})

const change = (type: string, pathText: string, previous: unknown, next: unknown) => ({
  type,
  pathText,
  previous,
  next,
})

describe('diffValues: what differs, leaf by leaf', () => {
  test.each<[string, Tree, Tree, object[]]>([
    ['nothing', { a: '1' }, { a: '1.0' }, []],
    ['a leaf', { a: '1' }, { a: '2' }, [change('changed', 'a', 1, 2)]],
    ['a leaf that comes', {}, { a: '2' }, [change('added', 'a', undefined, 2)]],
    ['a leaf that goes', { a: '1' }, { a: undefined }, [change('removed', 'a', 1, undefined)]],
    ['deep inside', { 'o/x': '1', 'o/y/z': '1' }, { 'o/y/z': '2' }, [change('changed', 'o.y.z', '1', '2')]],
    [
      'a subtree that comes',
      {},
      { 'o/x': '1', 'o/y/z': '2' },
      [change('added', 'o.x', undefined, '1'), change('added', 'o.y.z', undefined, '2')],
    ],
    [
      'a subtree that goes',
      { 'o/y/z': '2' },
      { 'o/y/z': undefined },
      [change('removed', 'o.y.z', '2', undefined)],
    ],
    ['an empty object that comes', {}, { o: '{}' }, [change('added', 'o', undefined, {})]],
    [
      'an empty object that is filled',
      { o: '{}' },
      { o: '{"x": "1"}' },
      [change('added', 'o.x', undefined, '1')],
    ],
    ['keys with a dot', { 'r/a.b': '1' }, { 'r/a.b': '2' }, [change('changed', 'r."a.b"', '1', '2')]],
    [
      'keys as on Object.prototype',
      { 'r/a': '1' },
      { 'r/constructor': '2' },
      [change('added', 'r.constructor', undefined, '2')],
    ],
    [
      'a list is one value',
      { l: '[{"x": 1}]' },
      { l: '[{"x": 2}]' },
      [change('changed', 'l', [{ x: 1 }], [{ x: 2 }])],
    ],
    [
      'a map is one value',
      { 'm/a': '1' },
      { 'm/a': '2' },
      [change('changed', 'm', new Map([['a', 1]]), new Map([['a', 2]]))],
    ],
    [
      'an object that becomes text',
      { 'n/x': '1' },
      { 'n/x': undefined, n: 'text' },
      [change('changed', 'n', { x: '1' }, 'text')],
    ],
    ['a secret', { s: '1' }, { s: '2' }, [change('changed', 's', '[secret]', '[secret]')]],
    ['a secret that comes', {}, { s: '2' }, [change('added', 's', undefined, '[secret]')]],
    [
      'inside what is secret',
      { 'so/x': '1' },
      { 'so/x': '2' },
      [change('changed', 'so.x', '[secret]', '[secret]')],
    ],
    [
      'from secret to not, as the tag says',
      { 'u/by': 'key', 'u/v': '1' },
      { 'u/by': 'name', 'u/v': '2' },
      [change('changed', 'u.by', 'key', 'name'), change('changed', 'u.v', '[secret]', '2')],
    ],
    [
      'from not secret to secret',
      { 'u/by': 'name', 'u/v': '1' },
      { 'u/by': 'key', 'u/v': '2' },
      [change('changed', 'u.by', 'name', 'key'), change('changed', 'u.v', '1', '[secret]')],
    ],
  ])('%s', (_name, tree, edit, changes) => {
    const { pipeline, patch } = staged(schema)
    const before = acceptedValue(patch(0, tree))
    const after = acceptedValue(patch(0, edit))
    const found = pipeline
      .diff(before, after)
      .map(({ type, pathText, previous, next }) => ({ type, pathText, previous, next }))
    expect(found).toEqual(changes)
    const turned = { added: 'removed', removed: 'added', changed: 'changed' } as const
    const back = pipeline
      .diff(after, before)
      .map(({ type, pathText, previous, next }) => change(turned[type], pathText, next, previous))
    expect(back).toEqual(found)
  })

  test('does not look into what is the same instance', () => {
    const { pipeline, patch } = staged(
      z.object({ it: z.record(z.string(), z.record(z.string(), z.number())) }),
    )
    const before = acceptedValue(patch(0, { 'it/a/x': '1', 'it/b/x': '1' })) as { it: Record<string, object> }
    const after = acceptedValue(patch(0, { 'it/a/x': '2' })) as { it: Record<string, object> }
    expect(after.it.b).toBe(before.it.b)
    const guarded = {
      it: {
        a: after.it.a,
        b: new Proxy(before.it.b!, {
          ownKeys: () => {
            throw new Error('looked into')
          },
        }),
      },
    }
    expect(pipeline.diff({ it: { ...before.it, b: guarded.it.b } }, guarded)).toHaveLength(1)
  })

  test('tells of a large record what a comparison of all its entries tells, whichever come, change and go', () => {
    const { pipeline, patch } = staged(z.object({ it: z.record(z.string(), z.number()) }))
    const random = (below: number, seed: number) => (((seed * 2_654_435_761) >>> 7) + seed) % below
    const held = new Map(Array.from({ length: 90 }, (_, index) => [`k${index}`, index]))
    type Value = { it: Record<string, number> }
    let before = acceptedValue(
      patch(0, Object.fromEntries([...held].map(([name, value]) => [`it/${name}`, `${value}`]))),
    ) as Value
    for (let step = 1; step < 400; step++) {
      const name = `k${random(100, step)}`
      const expected = new Map(held)
      if (random(3, step) === 0) expected.delete(name)
      else expected.set(name, random(4, step))
      const text = expected.get(name)
      const after = acceptedValue(
        patch(0, { [`it/${name}`]: text === undefined ? text : `${text}` }),
      ) as Value
      expect(after.it).toEqual(Object.fromEntries(expected))
      const isOther = held.get(name) !== expected.get(name)
      expect(pipeline.diff(before, after).map(({ pathText }) => pathText)).toEqual(
        isOther ? [`it.${name}`] : [],
      )
      if (text === undefined) held.delete(name)
      else held.set(name, text)
      before = after
    }
  })

  test('the root may be a scalar', () => {
    const { pipeline, patch } = staged(z.number())
    const before = acceptedValue(patch(0, { '': '1' }))
    expect(pipeline.diff(before, acceptedValue(patch(0, { '': '2' })))).toEqual([
      { type: 'changed', path: [], pathText: '', previous: 1, next: 2 },
    ])
  })
})
