import { describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { secret } from '../schema/secret.ts'
import { acceptedValue, envLayer, issuesOf, staged, storedLayer, type Tree } from './staged.test.kit.ts'
import { TreeNode } from './tree-node.ts'

const change = (tree: Tree, more: { allowRemoval?: boolean } = {}) => [
  {
    source: 0,
    update: {
      revision: 0,
      changes: Object.entries(tree).map(([path, value]) => ({
        layer: 0,
        leaf: { path, value, revision: 0 },
      })),
      ...more,
    },
  },
]

const schema = z.object({
  port: z.number(),
  name: z.string().default('shop'),
  token: secret(z.string().min(3)),
  flags: z.record(z.string(), z.boolean()).default({}),
})
const TREE: Tree = { port: '80', token: 'hidden', 'flags/a': 'true' }

describe('preview: judges by the same pipeline, and takes nothing', () => {
  test('a valid change: what would differ, with secrets hidden', () => {
    const { pipeline, patch } = staged(schema)
    const before = acceptedValue(patch(0, TREE))
    const preview = pipeline.preview(change({ port: '81', token: 'other', 'flags/b': 'off' }))
    expect(preview).toMatchObject({
      type: 'valid',
      changes: [
        { type: 'changed', pathText: 'port', previous: 80, next: 81 },
        { type: 'changed', pathText: 'token', previous: '[secret]', next: '[secret]' },
        { type: 'added', pathText: 'flags.b', next: false },
      ],
    })
    const after = pipeline.evaluate()
    expect(after.type).toBe('unchanged')
    expect(acceptedValue(after)).toBe(before)
  })

  test('an invalid change: the issues that would be reported, without the secret', () => {
    const { pipeline, patch } = staged(schema)
    patch(0, TREE)
    const preview = pipeline.preview(change({ token: 'xy', port: undefined, unknown: 'x' }))
    expect(preview.type === 'invalid' && preview.issues.map(({ pathText }) => pathText)).toEqual([
      'port',
      'token',
    ])
    expect(preview.unused.map(({ pathText }) => pathText)).toEqual(['unknown'])
    expect(JSON.stringify(preview)).not.toContain('"xy"')
    const issues = issuesOf(patch(0, { token: 'xy', port: undefined, unknown: 'x' }))
    const withoutRevisions = (given: unknown) => JSON.stringify(given).replaceAll(/"revision":\d+/gu, '')
    expect(withoutRevisions(preview.type === 'invalid' && preview.issues)).toBe(withoutRevisions(issues))
  })

  test('a change of a tree that is rejected now is judged on that tree', () => {
    const { pipeline, patch } = staged(schema)
    patch(0, TREE)
    expect(patch(0, { port: 'ten', name: 'new' }).type).toBe('rejected')
    expect(pipeline.preview(change({ 'flags/a': 'false' })).type).toBe('invalid')
    const healing = pipeline.preview(change({ port: '9' }))
    expect(healing).toMatchObject({ type: 'valid', changes: [{ pathText: 'port' }, { pathText: 'name' }] })
    expect(pipeline.evaluate().type).toBe('rejected')
  })

  test('the guard refuses a removal as it would, allows what is allowed, and its window is not touched', () => {
    const { pipeline, patch } = staged(schema, {
      guard: { minRemoved: 2, maxRemovedShare: 0.5, windowMs: 1_000 },
    })
    const flags = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `flags/${name}`)
    patch(0, { ...TREE, ...Object.fromEntries(flags.map((flag) => [flag, 'true'])) })
    patch(0, { 'flags/a': undefined })
    const memory = pipeline.guardMemory(0)
    const gone = Object.fromEntries(flags.map((flag) => [flag, undefined]))
    const refused = pipeline.preview(change(gone))
    expect(refused.type === 'invalid' && refused.issues.map(({ code }) => code)).toContain('guard')
    expect(pipeline.preview(change(gone, { allowRemoval: true })).type).toBe('valid')
    // the window is over by then, which judging takes note of
    pipeline.preview(change({ port: '1' }), 5_000)
    expect(pipeline.guardMemory(0)).toEqual(memory)
    expect(pipeline.allowedRemovals(0)).toEqual([new Set()])
  })

  test('a permission that was given for what is gone stays, though a preview puts it back', () => {
    const { pipeline, patch } = staged(schema)
    patch(0, { ...TREE, 'flags/b': 'true' })
    patch(0, { 'flags/a': undefined, port: 'ten' }, { allowRemoval: true })
    const allowed = pipeline.allowedRemovals(0)
    expect([...(allowed[0] ?? [])]).toEqual(['/flags/a'])
    pipeline.preview(change({ 'flags/a': 'true' }))
    expect(pipeline.allowedRemovals(0)).toEqual(allowed)
  })

  test('documents, variables that lead elsewhere and keys without a place are as they were', () => {
    const layers = [storedLayer('base'), envLayer]
    const { pipeline, patch } = staged(schema, { layers })
    patch(1, { FLAGS__NEW_CART: 'true' })
    patch(0, { port: '80', token: 'hidden', flags: '{"a":"true","b":{"c":1}}', '%': 'x' })
    const shown = () => [
      pipeline.leaves(0, { withSecrets: true }),
      pipeline.explain('flags'),
      pipeline.evaluate(),
    ]
    const before = shown()
    for (const tree of [
      { flags: undefined },
      { flags: '{"new-cart":"false"}' },
      { 'flags/new-cart': 'false' },
      { '%': undefined, flags: 'livetree:remove' },
      { '': '{"port":1}' },
    ])
      pipeline.preview(change(tree))
    expect(shown()).toEqual(before)
  })

  test('what the schema makes by itself is not made again for what a preview touched and put back', () => {
    let made = 0
    const { pipeline, patch } = staged(
      z.object({
        port: z.number(),
        started: z.number().default(() => ++made),
        part: z
          .object({ a: z.number().optional(), id: z.number().default(() => ++made) })
          .refine(() => true)
          .default(() => ({ id: ++made })),
      }),
    )
    const before = acceptedValue(patch(0, { port: '1', 'part/a': '1' }))
    for (const tree of [{ started: '7' }, { 'part/a': '2' }, { 'part/a': undefined }, { part: 'x' }])
      pipeline.preview(change(tree))
    const after = acceptedValue(patch(0, { port: '2' }))
    expect(after).toEqual({ ...(before as object), port: 2 })
  })

  test('where the schema throws or asks for a preview itself, everything is put back', () => {
    let run = (): void => undefined
    const { pipeline, patch } = staged(
      z.object({
        port: z.number(),
        mode: z.string().refine(() => {
          run()
          return true
        }),
      }),
    )
    const before = acceptedValue(patch(0, { port: '1', mode: 'x' }))
    run = () => {
      pipeline.preview(change({ port: '3' }))
    }
    const preview = pipeline.preview(change({ mode: 'y' }))
    expect(preview).toMatchObject({ type: 'invalid', issues: [{ code: 'schema_error', pathText: 'mode' }] })
    run = () => undefined
    expect(acceptedValue(pipeline.evaluate())).toBe(before)
    vi.spyOn(TreeNode.prototype, 'keep').mockImplementationOnce(() => {
      throw new Error('broken')
    })
    expect(() => pipeline.preview(change({ mode: 'z' }))).toThrow('broken')
    vi.restoreAllMocks()
    expect(acceptedValue(pipeline.evaluate())).toBe(before)
  })

  test('the work does not grow with the tree: as many nodes are judged among 20,000 leaves as among 20', () => {
    const sections = z.record(z.string(), z.record(z.string(), z.number()))
    const counts = [20, 20_000].map((size) => {
      const { pipeline, patch } = staged(z.object({ sections }))
      const leaves = Array.from({ length: size }, (_, index) => [`sections/s${index % 5}/k${index}`, '1'])
      patch(0, Object.fromEntries(leaves) as Tree)
      const begun = vi.spyOn(TreeNode.prototype, 'begin')
      const noted = vi.spyOn(TreeNode.prototype, 'restore')
      const preview = pipeline.preview(
        change({ 'sections/s1/k1': '2', 'sections/s2/new': '3', 'sections/s3/k3': undefined }),
      )
      const count = { type: preview.type, begun: begun.mock.calls.length, noted: noted.mock.calls.length }
      vi.restoreAllMocks()
      return count
    })
    expect(counts[0]?.begun).toBeLessThan(12)
    expect(counts[1]).toEqual(counts[0])
  })
})
