import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { compileSchema } from '../schema/compile-schema.ts'
import { Unreadable } from '../source/source.ts'
import { createPipeline } from './create-pipeline.ts'
import { issuesOf, staged, storedLayer, type Tree } from './staged.test.kit.ts'

const names = Array.from({ length: 20 }, (_, n) => `k${n}`)
const document = (count: number) =>
  JSON.stringify(Object.fromEntries(names.slice(0, count).map((name) => [name, 'v'])))
const keys = (prefix: string, value: string | undefined = 'v'): Tree =>
  Object.fromEntries(names.map((name) => [`${prefix}/${name}`, value]))
const gone = (prefix: string): Tree =>
  Object.fromEntries(names.map((name) => [`${prefix}/${name}`, undefined]))

/** What may stand where a record was, of which nobody knows what it says of the record's leaves. */
const unknown: readonly (readonly [string, unknown])[] = [
  ['cut text', '{"k0": "v", '],
  ['a name given twice', '{"k0":"v","k0":"w"}'],
  ['a text that is no document', 'hello'],
  ['a list', '["v"]'],
  ['an empty text', ''],
  ['what a source could not read', new Unreadable('the file is not UTF-8 text')],
  ['a number', 5],
]

describe('permission that comes while a place cannot be read', () => {
  const record = z.record(z.string(), z.string())
  const schema = z.object({ r: record.default({}), n: z.number().default(1) })

  describe.each(unknown)('%s', (_name, value) => {
    test.each([
      ['in the same write', true],
      ['in a later one', false],
    ])('allows no removal that comes later: %s', (_when, isSame) => {
      for (const path of ['r', '']) {
        const { patch } = staged(schema)
        const whole = path === 'r' ? document(20) : JSON.stringify({ r: JSON.parse(document(20)) as unknown })
        const cut = path === 'r' ? document(1) : JSON.stringify({ r: { k0: 'v' } })
        expect(patch(0, { [path]: whole }).type).toBe('accepted')
        expect(patch(0, { [path]: value }, { allowRemoval: isSame }).type).toBe('rejected')
        if (!isSame) patch(0, {}, { allowRemoval: true })
        expect(issuesOf(patch(0, { [path]: cut }))[0]?.code).toBe('guard')
        expect(patch(0, {}, { allowRemoval: true }).type).toBe('accepted')
      }
    })
  })

  test('nor where keys of their own have become one text', () => {
    const { patch } = staged(schema)
    patch(0, keys('r'))
    expect(patch(0, { ...gone('r'), r: '{"k0": ' }, { allowRemoval: true }).type).toBe('rejected')
    expect(issuesOf(patch(0, { r: document(1) }))[0]?.code).toBe('guard')
  })

  test('nor where the schema takes a text in place of the record, and something else is wrong', () => {
    const { patch } = staged(schema.extend({ r: z.union([record, z.string()]) }))
    patch(0, keys('r'))
    patch(0, { ...gone('r'), r: 'text', n: 'bad' }, { allowRemoval: true })
    expect(issuesOf(patch(0, { r: undefined, 'r/k0': 'v', n: '1' }))[0]?.code).toBe('guard')
  })

  test('nor of leaves that have only moved to another layer of their source', () => {
    const layers = [storedLayer('base'), storedLayer('prod')]
    const pipeline = createPipeline(compileSchema(schema), [{ name: 'etcd', layers }])
    const change = (base: Tree, prod: Tree, allowRemoval = false) => {
      const changes = [base, prod].flatMap((tree, layer) =>
        Object.entries(tree).map(([path, value]) => ({ layer, leaf: { path, value, revision: 1 } })),
      )
      pipeline.stage(0, { type: 'patch', update: { revision: 1, changes, allowRemoval } })
      return pipeline.evaluate().type
    }
    expect(change(keys('r'), {})).toBe('accepted')
    expect(change({ ...gone('r'), n: 'bad' }, keys('r'), true)).toBe('rejected')
    expect(change({ n: '1' }, { ...gone('r'), 'r/k0': 'v' })).toBe('rejected')
  })

  test('but of what is gone beside it, as much as ever', () => {
    const { patch } = staged(schema.extend({ s: record.default({}) }))
    patch(0, { ...keys('r'), s: document(20) })
    patch(0, { s: '{"k0": ' })
    patch(0, gone('r'), { allowRemoval: true })
    expect(patch(0, { s: document(20) }).type).toBe('accepted')
  })

  test('and permission for what was gone before stays, through a text that cannot be read', () => {
    const { patch } = staged(schema)
    patch(0, { r: document(20) })
    patch(0, { r: document(1), n: 'bad' }, { allowRemoval: true })
    patch(0, { r: '{"k0": ' })
    expect(patch(0, { r: document(1), n: '1' }).type).toBe('accepted')
  })

  test('a valid text in place of the record is allowed as it was', () => {
    const { patch } = staged(schema.extend({ r: z.union([record, z.string()]) }))
    patch(0, keys('r'))
    expect(patch(0, { ...gone('r'), r: 'text' }, { allowRemoval: true }).type).toBe('accepted')
    expect(patch(0, { r: undefined, 'r/k0': 'v' }).type).toBe('accepted')
  })
})
