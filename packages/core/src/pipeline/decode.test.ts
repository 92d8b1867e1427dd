import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { acceptedValue, issuesOf, staged, storedLayer, type Tree } from './staged.test.kit.ts'

/** A schema that counts how often zod is asked about it. */
const counted = (name: string, counts: Map<string, number>, schema: z.ZodType = z.number()): z.ZodType =>
  schema.refine(() => {
    counts.set(name, (counts.get(name) ?? 0) + 1)
    return true
  })

describe('Decoder: one changed leaf costs its path', () => {
  test('in 10,000 leaves, zod is asked about one', () => {
    const counts = new Map<string, number>()
    const leaf = z.object(
      Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`p${n}`, counted('leaf', counts)])),
    )
    const levels = z.record(z.string(), z.record(z.string(), z.record(z.string(), leaf)))
    const tree: Record<string, string> = {}
    for (let n = 0; n < 10_000; n++) {
      const [a, b, c, d] = String(n).padStart(4, '0')
      tree[`it/${a}/${b}/${c}/p${d}`] = String(n)
    }
    const { patch, replace } = staged(z.object({ it: levels }))
    replace(0, tree)
    expect(counts.get('leaf')).toBe(10_000)

    const asked = (edit: () => { type: string }) => {
      counts.clear()
      const { type } = edit()
      return `${type} ${counts.get('leaf') ?? 0}`
    }
    expect(asked(() => patch(0, { 'it/1/2/3/p4': '5' }))).toBe('accepted 1')
    expect(asked(() => patch(0, { 'it/1/2/3/p4': '6', 'it/5/6/7/p8': '9' }))).toBe('accepted 2')
    expect(asked(() => patch(1, { 'it/1/2/3/p4': '7' }))).toBe('accepted 1')
    expect(asked(() => patch(1, { 'it/1/2/3/p4': undefined }))).toBe('accepted 1')
    // covered by nothing, covering nothing
    expect(asked(() => patch(0, { 'it/1/2/3/p4': '6' }))).toBe('unchanged 0')
    expect(asked(() => patch(0, { 'it/1/2/3/p4': 'six' }))).toBe('rejected 0')
    expect(asked(() => patch(0, { other: 'x' }))).toBe('rejected 0')
    expect(asked(() => patch(0, { 'it/1/2/3/p4': '6' }))).toBe('unchanged 1')
    // the same leaves again, as after a resync
    expect(asked(() => replace(0, { ...tree, 'it/1/2/3/p4': '6', 'it/5/6/7/p8': '9' }))).toBe('unchanged 0')
    expect(asked(() => replace(0, { ...tree, 'it/1/2/3/p4': '7', 'it/5/6/7/p8': '9' }))).toBe('accepted 1')
    // a whole part taken away asks about nothing; a new one about itself
    const part = Object.fromEntries(
      Object.keys(tree)
        .filter((key) => key.startsWith('it/9/9/9/'))
        .map((key) => [key, undefined]),
    )
    expect(asked(() => patch(0, part, { allowRemoval: true }))).toBe('accepted 0')
    expect(
      asked(() =>
        patch(0, {
          'it/9/9/9':
            '{"p0": 0, "p1": 1, "p2": 2, "p3": 3, "p4": 4, "p5": 5, "p6": 6, "p7": 7, "p8": 8, "p9": 9}',
        }),
      ),
    ).toBe('accepted 10')
    expect(
      asked(() =>
        patch(0, {
          'it/9/9/9':
            '{"p0": 9, "p1": 1, "p2": 2, "p3": 3, "p4": 4, "p5": 5, "p6": 6, "p7": 7, "p8": 8, "p9": 9}',
        }),
      ),
    ).toBe('accepted 1')
  })

  test('an object with a refinement is judged whole, and nothing beside it', () => {
    const counts = new Map<string, number>()
    const part = (name: string) =>
      z.object({ a: counted(`${name}.a`, counts), b: counted(`${name}.b`, counts) })
    const schema = z.object({
      whole: counted('whole', counts, part('whole')),
      plain: part('plain'),
      wrapped: z.lazy(() => part('wrapped').optional().readonly()),
      listed: z.array(counted('item', counts)),
      open: z.object({ a: counted('open.a', counts) }).catchall(counted('open', counts)),
    })
    const { patch } = staged(schema)
    const tree: Tree = Object.fromEntries(
      ['whole', 'plain', 'wrapped'].flatMap((name) => [
        [`${name}/a`, '1'],
        [`${name}/b`, '1'],
      ]),
    )
    patch(0, { ...tree, 'listed/0': '1', 'listed/1': '2', 'open/a': '1', 'open/x': '1', 'open/y': '1' })
    const asked = (edit: Tree) => {
      counts.clear()
      expect(patch(0, edit).type).toBe('accepted')
      return Object.fromEntries(counts)
    }
    expect(asked({ 'whole/a': '2' })).toEqual({ whole: 1, 'whole.a': 1, 'whole.b': 1 })
    expect(asked({ 'plain/a': '2' })).toEqual({ 'plain.a': 1 })
    expect(asked({ 'wrapped/b': '2' })).toEqual({ 'wrapped.b': 1 })
    expect(asked({ 'listed/1': '3' })).toEqual({ item: 2 })
    expect(asked({ 'open/a': '2' })).toEqual({ 'open.a': 1 })
    expect(asked({ 'open/x': '2' })).toEqual({ open: 1 })
  })

  test('a value below one that covers it is not judged', () => {
    const counts = new Map<string, number>()
    const { patch } = staged(z.object({ it: counted('it', counts) }))
    patch(1, { it: '1' })
    counts.clear()
    // the node is judged again, by the value that counts
    expect(patch(0, { it: 'not a number' }).type).toBe('unchanged')
    expect(counts.get('it')).toBe(1)
  })

  test('what is absent is asked about once', () => {
    const counts = new Map<string, number>()
    const { patch } = staged(
      z.object({
        a: counted('a', counts, z.number().optional()),
        b: z.string().optional(),
        r: z.record(z.string(), z.string()),
      }),
    )
    patch(0, {})
    for (let n = 0; n < 5; n++) acceptedValue(patch(0, { b: `${n}`, [`r/${n}`]: 'x', strange: `${n}` }))
    expect(counts.get('a')).toBe(1)
  })
})

describe('Decoder: what covers what', () => {
  const schema = z.object({
    it: z
      .record(z.string(), z.object({ a: z.string().default('d') }))
      .nullable()
      .default({}),
  })

  test('a null comes and goes over a directory, which is read as it was', () => {
    const { patch } = staged(schema)
    const before = acceptedValue(patch(0, { 'it/x/a': '1', 'it/y/a': '2' }))
    expect(acceptedValue(patch(1, { it: 'null' }))).toEqual({ it: null })
    expect(acceptedValue(patch(1, { it: undefined }))).toEqual(before)
    expect(acceptedValue(patch(1, { it: 'null' }))).toEqual({ it: null })
    expect(acceptedValue(patch(0, { 'it/y/a': '3' }))).toEqual({ it: null })
    expect(acceptedValue(patch(1, { it: undefined }))).toEqual({ it: { x: { a: '1' }, y: { a: '3' } } })
  })

  test('a null below hides what is below it, and only that', () => {
    const { patch } = staged(schema)
    patch(0, { it: 'null' })
    expect(acceptedValue(patch(1, { 'it/x/a': '1' }))).toEqual({ it: { x: { a: '1' } } })
    expect(acceptedValue(patch(1, { 'it/x/a': undefined }))).toEqual({ it: null })
    expect(acceptedValue(patch(0, { it: undefined }))).toEqual({ it: {} })
  })

  test('a null between two layers hides the lower one', () => {
    const info = (name: string) =>
      ({ name, keyPrefix: `/${name}/`, separator: '/', naming: 'stored' }) as const
    const { patch } = staged(schema, { layers: [info('file'), info('base'), info('prod')] })
    patch(0, { 'it/low/a': '1', 'it/both/a': '1' })
    expect(acceptedValue(patch(2, { 'it/high/a': '3', 'it/both': '{}' }))).toEqual({
      it: { low: { a: '1' }, both: { a: '1' }, high: { a: '3' } },
    })
    expect(acceptedValue(patch(1, { it: 'null' }))).toEqual({ it: { both: { a: 'd' }, high: { a: '3' } } })
    expect(acceptedValue(patch(2, { 'it/high/a': undefined, 'it/both': undefined }))).toEqual({ it: null })
    expect(acceptedValue(patch(1, { it: undefined }))).toEqual({ it: { low: { a: '1' }, both: { a: '1' } } })
  })

  test('a record keeps nothing of a key that was refused, or went away', () => {
    const { patch } = staged(z.object({ it: z.record(z.string().max(2), z.number()) }))
    patch(0, { 'it/a': '1' })
    expect(patch(0, { 'it/long': '2' }).type).toBe('rejected')
    expect(acceptedValue(patch(0, { 'it/long': undefined }))).toEqual({ it: { a: 1 } })
    expect(patch(0, { 'it/b': 'x' }).type).toBe('rejected')
    expect(acceptedValue(patch(0, { 'it/b': undefined, 'it/c': '3' }))).toEqual({ it: { a: 1, c: 3 } })
    expect(acceptedValue(patch(0, { 'it/a': undefined }))).toEqual({ it: { c: 3 } })
    // a directory where a number is: unused, and nothing of it remains
    expect(acceptedValue(patch(0, { 'it/c': undefined, 'it/c/x': '1' }))).toEqual({ it: {} })
    expect(acceptedValue(patch(0, { 'it/c': '4' }))).toEqual({ it: { c: 4 } })
  })

  test('a record is the same again when what was wrong is taken back, or another name has the key', () => {
    const { patch } = staged(z.object({ it: z.record(z.string().toLowerCase(), z.number()) }))
    const first = acceptedValue(patch(0, { 'it/a': '2', 'it/b': '3' }))
    expect(first).toEqual({ it: { a: 2, b: 3 } })
    expect(issuesOf(patch(0, { 'it/A': '4' }))).toMatchObject([
      { message: expect.stringContaining('one key') },
    ])
    expect(acceptedValue(patch(0, { 'it/A': '2', 'it/a': undefined }))).toBe(first)
    expect(acceptedValue(patch(0, { 'it/A': undefined, 'it/a': '2' }))).toBe(first)
    expect(patch(0, { 'it/b': '5', 'it/c': 'x' }).type).toBe('rejected')
    expect(acceptedValue(patch(0, { 'it/b': '3', 'it/c': undefined }))).toBe(first)

    const plain = staged(z.record(z.string(), z.number()))
    const before = acceptedValue(plain.patch(0, { a: '1', b: '2' }))
    expect(plain.patch(0, { a: '5', c: 'x' }).type).toBe('rejected')
    expect(acceptedValue(plain.patch(0, { a: '1', c: undefined }))).toBe(before)
    expect(acceptedValue(plain.patch(0, { a: '1.0' }))).toBe(before)
    expect(acceptedValue(plain.patch(0, { a: '6' }))).toEqual({ a: 6, b: 2 })
  })

  test('catchall keys are judged anew, also while a property is wrong', () => {
    const { patch } = staged(z.object({ a: z.number() }).catchall(z.number()))
    expect(patch(0, { a: 'x', b: '1' }).type).toBe('rejected')
    expect(patch(0, { b: 'y' })).toMatchObject({ issues: [{ pathText: 'a' }, { pathText: 'b' }] })
    expect(patch(0, { a: '1' })).toMatchObject({ issues: [{ pathText: 'b' }] })
    expect(acceptedValue(patch(0, { b: '2', c: '3' }))).toEqual({ a: 1, b: 2, c: 3 })
    expect(acceptedValue(patch(0, { b: undefined }))).toEqual({ a: 1, c: 3 })
  })

  test('what is missing is said again after it was taken away once more', () => {
    const { patch } = staged(z.object({ a: z.string(), b: z.object({ c: z.number() }) }))
    const missing = [{ pathText: 'a' }, { pathText: 'b.c' }]
    expect(issuesOf(patch(0, {}))).toMatchObject(missing)
    expect(issuesOf(patch(0, { a: undefined, 'b/c': undefined }))).toMatchObject(missing)
  })

  test.each([
    ['a record', z.record(z.string(), z.number())],
    ['a catchall', z.object({}).catchall(z.number())],
  ])('of %s nothing is said of what a higher layer hides', (_name, schemaOfIt) => {
    const layers = [storedLayer('file'), storedLayer('base'), storedLayer('prod')]
    const { patch } = staged(z.object({ it: schemaOfIt.nullable() }), { layers })
    expect(issuesOf(patch(0, { 'it/hidden': 'x' }))).toMatchObject([{ pathText: 'it.hidden' }])
    expect(issuesOf(patch(2, { 'it/b': 'x' }))).toMatchObject([
      { pathText: 'it.b' },
      { pathText: 'it.hidden' },
    ])
    expect(issuesOf(patch(1, { it: 'null' }))).toMatchObject([{ pathText: 'it.b' }])
    expect(acceptedValue(patch(2, { 'it/b': '1' }))).toEqual({ it: { b: 1 } })
  })

  test('a root that is no object', () => {
    const { patch } = staged(z.record(z.string(), z.number()).optional())
    expect(acceptedValue(patch(0, { other: '1' }))).toEqual({ other: 1 })
    expect(acceptedValue(patch(0, { other: undefined }))).toBeUndefined()
    expect(acceptedValue(patch(0, { '': '{"a": 1}' }))).toEqual({ a: 1 })
  })
})
