import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { secret } from '../schema/secret.ts'
import { issuesOf, staged, storedLayer, type StagedOptions, type Tree } from './staged.test.kit.ts'

const keys = (prefix: string, count: number, value: unknown = 'v'): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`${prefix}/k${n}`, value]))
const gone = (tree: Tree): Tree => Object.fromEntries(Object.keys(tree).map((key) => [key, undefined]))
const documentOf = (tree: Tree) =>
  JSON.stringify(Object.fromEntries(Object.entries(tree).map(([key, value]) => [key.split('/')[1], value])))

const redis = z.object({
  url: z.string().optional(),
  port: z.number().optional(),
  pool: z.object({ max: z.number().optional(), min: z.number().optional() }).optional(),
})
const schema = z.object({ redis: redis.default({}), own: z.record(z.string(), z.string()).default({}) })
const OURS: Tree = { 'redis/url': 'a', 'redis/port': '1' }

/** Keys that the schema does not read: where they stand, and how they are reported. */
interface Case {
  readonly name: string
  readonly foreign: Tree
  readonly options?: StagedOptions
}
const FOREIGN: readonly Case[] = [
  { name: 'reported', foreign: keys('redis', 20) },
  {
    name: 'ignored by their layer',
    foreign: keys('redis', 20),
    options: { layers: [{ ...storedLayer('base'), unused: 'ignore' }] },
  },
  { name: 'ignored by the definition', foreign: keys('redis', 20), options: { unused: 'ignore' } },
  { name: 'in a directory of theirs', foreign: keys('other/deep', 20) },
  { name: 'below a scalar', foreign: keys('redis/url', 20) },
  { name: 'in a document', foreign: { redis: documentOf({ ...keys('x', 20), 'x/url': 'a', 'x/port': 1 }) } },
  { name: 'empty or JSON', foreign: { ...keys('redis', 20, ''), ...keys('other', 5, '{"a":1}') } },
]

describe('the guard counts what the schema reads', () => {
  describe.each(FOREIGN)('keys nobody reads: $name', ({ foreign, options }) => {
    const ours = 'redis' in foreign ? {} : OURS
    const without: Tree = 'redis' in foreign ? { redis: '{"url":"a","port":1}' } : gone(foreign)

    test('may all go, and no later write is withheld', () => {
      const { patch } = staged(schema, options)
      expect(patch(0, { ...ours, ...foreign }).type).toBe('accepted')
      expect(patch(0, without).type).toBe('unchanged')
      expect(patch(0, { 'own/a': 'b' }).type).toBe('accepted')
    })

    test('may go one by one, and in a preview', () => {
      const { patch, pipeline } = staged(schema, options)
      patch(0, { ...ours, ...foreign })
      const changes = Object.entries(without).map(([path, value]) => ({
        layer: 0,
        leaf: { path, value, revision: 9 },
      }))
      expect(pipeline.preview([{ source: 0, update: { revision: 9, changes } }]).type).toBe('valid')
      for (const [path, value] of Object.entries(without))
        expect(patch(0, { [path]: value }).type).toBe('unchanged')
    })

    test('do not hide the removal of what is read, be they many', () => {
      const { patch } = staged(schema, options)
      const many = 'redis' in foreign ? foreign : { ...foreign, ...keys('more', 200) }
      patch(0, { ...ours, ...many, ...keys('own', 8) })
      const [issue] = issuesOf(patch(0, gone(keys('own', 8))))
      expect(issue?.message).toMatch(/^Removes 8 of the 10 leaves of base/)
    })

    test('are no permission for what is read, nor does one for them withhold another', () => {
      const { patch } = staged(schema, options)
      patch(0, { ...ours, ...foreign, ...keys('own', 8) })
      patch(0, without, { allowRemoval: true })
      expect(patch(0, gone(keys('own', 8))).type).toBe('rejected')
      expect(patch(0, {}, { allowRemoval: true }).type).toBe('accepted')
    })

    test('a process that starts comes to the same', () => {
      const first = staged(schema, options)
      first.patch(0, { ...ours, ...foreign })
      for (const withSecrets of [true, false]) {
        const { pipeline, replace, patch } = staged(schema, options)
        const layers = first.pipeline.leaves(0, { withSecrets })
        const withheld = first.pipeline.withheld(0, { withSecrets })
        const memory = first.pipeline.guardMemory(0, { withSecrets })
        pipeline.compareWith(new Map([[0, { layers, withheld, memory }]]), 0)
        const left = 'redis' in foreign ? without : ours
        expect(replace(0, left).type).toBe('accepted')
        expect(pipeline.guardMemory(0)).toMatchObject({ leafCount: 2, peak: 2 })
        expect(patch(0, keys('own', 1)).type).toBe('accepted')
      }
    })
  })

  test('a directory that only they are left in is empty', () => {
    const required = z.object({
      db: redis.loose(),
      hosts: redis.extend({ a: z.string(), b: z.string() }).partial(),
    })
    const { patch } = staged(required)
    const hosts: Tree = {
      'hosts/url': 'u',
      'hosts/port': '1',
      'hosts/a': 'a',
      'hosts/b': 'b',
      'hosts/pool/max': '1',
    }
    patch(0, { ...hosts, 'hosts/foreign': 'x', 'hosts/deep/foreign': 'x', ...keys('db', 50) })
    expect(issuesOf(patch(0, gone(hosts)))).toMatchObject([{ code: 'guard', pathText: 'hosts' }])
  })

  test.each<[string, z.ZodType]>([
    ['a record', z.record(z.string(), z.string())],
    ['any', z.any()],
    ['a catchall', z.object({ a: z.string().optional() }).catchall(z.string())],
    ['a loose object', z.looseObject({})],
    ['an option of a union', z.union([z.object({ k0: z.string() }).loose(), z.string()])],
    ['a side of an intersection', z.intersection(z.object({}), z.looseObject({}))],
    ['a map', z.map(z.string(), z.string())],
  ])('what %s takes is read', (_name, taking) => {
    const { patch } = staged(z.object({ it: taking.optional(), a: z.string().optional() }))
    expect(patch(0, { ...keys('it', 10), a: 'x' }).type).toBe('accepted')
    expect(issuesOf(patch(0, gone(keys('it', 10))))[0]?.code).toBe('guard')
  })

  test('a document that was left out of a file counts as many leaves as are read of it', () => {
    const hidden = z.object({ redis: redis.extend({ url: secret(z.string()).optional() }).default({}) })
    const full = z.object({
      ...hidden.shape,
      own: z
        .object({ k0: z.string(), k1: z.string(), k2: z.string(), k3: z.string(), k4: secret(z.string()) })
        .partial()
        .default({}),
    })
    const first = staged(full)
    first.patch(0, { redis: '{"url":"a"}', own: documentOf(keys('own', 90)) })
    const [withheld = []] = first.pipeline.withheld(0, { withSecrets: false })
    expect(withheld.map(({ path, count }) => [path, count])).toEqual([
      ['own', 5],
      ['redis', 1],
    ])
    for (const [tree, isRefused] of [
      [{ redis: '{"url":"a"}' }, true],
      [{ redis: '{"url":"b"}', own: documentOf(keys('own', 5)) }, false],
    ] as const) {
      const { pipeline, replace } = staged(full)
      const earlier = { layers: first.pipeline.leaves(0, { withSecrets: false }), withheld: [withheld] }
      pipeline.compareWith(new Map([[0, { ...earlier, memory: undefined }]]), 0)
      expect(replace(0, tree).type).toBe(isRefused ? 'rejected' : 'accepted')
    }
  })
})
