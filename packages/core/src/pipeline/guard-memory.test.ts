import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import type { GuardMemory } from './guard-memory.ts'
import { issuesOf, staged, type Tree } from './staged.test.kit.ts'

const schema = z.object({
  flags: z.record(z.string(), z.boolean()),
  db: z.object({ host: z.string().optional(), port: z.number().optional() }).loose(),
})

const MINUTE = 60_000

const keys = (prefix: string, count: number, value: unknown = 'on'): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`${prefix}/k${n}`, value]))

const gone = (prefix: string, count: number): Tree =>
  Object.fromEntries(Object.keys(keys(prefix, count)).map((key) => [key, undefined]))

describe('guardIssues: what an earlier process knew', () => {
  const earlier = (tree: Tree, memory?: GuardMemory) => ({
    layers: [Object.entries(tree).map(([path, value]) => ({ path, value, revision: 1 }))],
    memory,
  })

  test('the first tree is compared with it', () => {
    const { patch, replace, pipeline } = staged(schema)
    pipeline.compareWith(new Map([[0, earlier(keys('flags', 10))]]), 0)
    expect(issuesOf(replace(0, { 'db/host': 'x' }))).toMatchObject([{ code: 'guard' }, { pathText: 'flags' }])
    expect(patch(0, keys('flags', 9)).type).toBe('accepted')
  })

  test('with all that it had removed in the window', () => {
    const before = staged(schema)
    before.patch(0, keys('flags', 20))
    for (let n = 0; n < 10; n++) expect(before.patch(0, { [`flags/k${n}`]: undefined }).type).toBe('accepted')
    const memory = before.pipeline.guardMemory(0)
    const left = Object.fromEntries(Object.entries(keys('flags', 20)).slice(10))
    for (const isRemembered of [true, false]) {
      const { replace, pipeline } = staged(schema)
      pipeline.compareWith(new Map([[0, earlier(left, isRemembered ? memory : undefined)]]), 0)
      const outcome = replace(0, Object.fromEntries(Object.entries(left).slice(1)))
      expect(outcome.type).toBe(isRemembered ? 'rejected' : 'accepted')
    }
  })

  test('and defaults that stand in do not make it forget', () => {
    const { replace, pipeline } = staged(schema)
    pipeline.compareWith(new Map([[0, earlier(keys('flags', 10))]]), 0)
    const update = { revision: 1, epoch: 0, layers: [[]] }
    pipeline.stage(0, { type: 'replace', update, isFallback: true })
    expect(pipeline.evaluate().type).toBe('accepted')
    expect(replace(0, { 'db/host': 'x' }).type).toBe('rejected')
  })

  test('a snapshot that stands in does not end a refusal, however much later', () => {
    const before = staged(schema)
    before.patch(0, keys('flags', 14))
    for (let n = 0; n < 10; n++) before.patch(0, { [`flags/k${n}`]: undefined })
    const memory = before.pipeline.guardMemory(0)
    expect(memory.isRefused).toBe(true)
    const served = Object.fromEntries(Object.entries(keys('flags', 14)).slice(7))
    const real = Object.fromEntries(Object.entries(keys('flags', 14)).slice(10))
    const { replace, pipeline, at } = staged(schema)
    const now = 11 * MINUTE
    pipeline.compareWith(new Map([[0, earlier(served, memory)]]), now)
    const update = { revision: 1, epoch: 0, layers: earlier(served).layers }
    pipeline.stage(0, { type: 'replace', update, isFallback: true })
    expect(pipeline.evaluate({ now }).type).toBe('accepted')
    expect(pipeline.guardMemory(0)).toEqual(memory)
    expect(pipeline.evaluate({ now }).type).toBe('unchanged')
    at(now)
    expect(pipeline.guardMemory(0)).toEqual(memory)
    expect(replace(0, real).type).toBe('rejected')
    expect(pipeline.guardMemory(0).isRefused).toBe(true)
  })

  test.each([
    ['the tree that was seen last', { revision: 3, store: 'a' }, true],
    ['one of another store', { revision: 3, store: 'b' }, false],
    ['an earlier one', { revision: 2, store: 'a' }, false],
    ['a later one: what is gone may have been back', { revision: 4, store: 'a' }, false],
  ])('what was allowed while the tree was invalid counts for %s', (_name, given, isAllowed) => {
    const before = staged(schema)
    before.patch(0, keys('flags', 10))
    before.patch(0, { 'db/port': 'ten' })
    before.patch(0, gone('flags', 8), { allowRemoval: true })
    const memory = { ...before.pipeline.guardMemory(0), seen: { revision: 3, store: 'a' } }
    expect(memory.allowed).toEqual([Object.keys(gone('flags', 8)).map((key) => `/${key}`)])
    const { pipeline } = staged(schema)
    pipeline.compareWith(new Map([[0, earlier(keys('flags', 10), memory)]]), 0)
    expect(pipeline.guardMemory(0)).toEqual(memory)
    const left = Object.entries(keys('flags', 10)).slice(8)
    const layers = [left.map(([path, value]) => ({ path, value, revision: 1 }))]
    pipeline.stage(0, { type: 'replace', update: { epoch: 0, layers, ...given } })
    expect(pipeline.evaluate().type).toBe(isAllowed ? 'accepted' : 'rejected')
  })
})

describe('guardIssues: a permission', () => {
  const accident = () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 20))
    expect(patch(0, gone('flags', 15)).type).toBe('rejected')
    return patch
  }

  test.each<[string, Tree, Tree]>([
    ['a leaf that was never accepted', { 'flags/new': 'on' }, { 'flags/new': undefined }],
    ['a leaf that was gone and came back', { 'flags/k0': 'on' }, { 'flags/k0': undefined }],
    ['a document of leaves', { db: '{"host":"a"}' }, { db: undefined }],
    ['a key without a place', { 'flags/%zz': 'on' }, { 'flags/%zz': undefined, 'db/host': 'a' }],
    ['an empty object', { 'db/extra': '{}' }, { 'db/extra': undefined }],
  ])('that removes %s does not cover what else is gone', (_name, put, removed) => {
    const patch = accident()
    expect(patch(0, put).type).toBe('rejected')
    expect(patch(0, removed, { allowRemoval: true }).type).toBe('rejected')
    expect(patch(0, {}, { allowRemoval: true }).type).toBe('accepted')
  })

  test('that only writes, or moves a value to another form, covers all that is gone', () => {
    const patch = accident()
    expect(patch(0, { 'db/host': 'a' }).type).toBe('rejected')
    const moved = { 'db/host': undefined, db: '{"host":"a"}' }
    expect(patch(0, moved, { allowRemoval: true }).type).toBe('accepted')
  })

  test.each([true, false])(
    'for a tree that was never accepted (own removal: %s) leaves the window as it is',
    (isOwn) => {
      const { patch } = staged(schema)
      patch(0, keys('flags', 20))
      expect(patch(0, { 'db/port': 'ten' }).type).toBe('rejected')
      patch(0, gone('flags', 8), { allowRemoval: isOwn })
      if (!isOwn) patch(0, {}, { allowRemoval: true })
      patch(0, keys('flags', 8))
      expect(patch(0, { ...gone('flags', 8), 'db/port': undefined }).type).toBe('accepted')
      const left = Object.fromEntries(Object.entries(gone('flags', 13)).slice(8))
      expect(patch(0, left).type).toBe('rejected')
    },
  )

  test('for leaves of the window counts until they are back', () => {
    const { patch, pipeline } = staged(schema)
    patch(0, keys('flags', 20))
    patch(0, gone('flags', 8))
    patch(0, { 'db/port': 'ten' })
    patch(0, {}, { allowRemoval: true })
    expect(pipeline.guardMemory(0)).toMatchObject({ peak: 20, leafCount: 12, allowed: [{ length: 8 }] })
    expect(patch(0, { 'db/port': undefined, 'flags/k8': undefined }).type).toBe('accepted')
    expect(pipeline.guardMemory(0)).toMatchObject({ peak: 12, leafCount: 11, allowed: [[]] })
    expect(patch(0, { 'flags/k9': undefined, 'flags/k10': undefined }).type).toBe('accepted')
    const more = Object.fromEntries(Object.entries(gone('flags', 16)).slice(11))
    expect(patch(0, more).type).toBe('rejected')
  })
})
