import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { compileSchema } from '../schema/compile-schema.ts'
import { createPipeline } from './create-pipeline.ts'
import { acceptedValue, envLayer, staged, storedLayer } from './staged.test.kit.ts'

const schema = z.object({
  flags: z.record(z.string(), z.boolean()),
  db: z.object({ host: z.string().optional() }),
})

test('createPipeline: a source without layers is staged like any other', () => {
  const pipeline = createPipeline(compileSchema(schema), [
    { name: 'none', layers: [] },
    { name: 'base', layers: [storedLayer('base')] },
    { name: 'last', layers: [] },
  ])
  const none = { revision: 1, epoch: 0, layers: [], allowRemoval: true }
  pipeline.stage(0, { type: 'replace', update: none })
  pipeline.stage(2, { type: 'replace', update: none })
  pipeline.stage(1, {
    type: 'patch',
    update: { revision: 1, changes: [{ layer: 0, leaf: { path: 'db/host', value: 'x', revision: 1 } }] },
  })
  expect(acceptedValue(pipeline.evaluate())).toEqual({ db: { host: 'x' }, flags: {} })
  expect([0, 1, 2].map((source) => pipeline.leaves(source, { withSecrets: true }).length)).toEqual([0, 1, 0])
})

test('createPipeline: a document that was written into another one by mistake takes nothing of it along when it goes', () => {
  const { patch } = staged(z.object({ a: z.record(z.string(), z.record(z.string(), z.number())) }))
  patch(0, { a: '{"b":{"x":1,"y":2}}' })
  expect(patch(0, { 'a/b': '{"x":3}' })).toMatchObject({ type: 'rejected', issues: [{ code: 'conflict' }] })
  expect(patch(0, { 'a/b': undefined })).toMatchObject({ type: 'unchanged' })
  expect(acceptedValue(patch(0, { a: '{"b":{"x":4,"y":2}}' }))).toEqual({ a: { b: { x: 4, y: 2 } } })
})

describe('createPipeline: two properties that share an environment variable', () => {
  const clash = z.object({ timeoutMs: z.number().optional(), timeout_ms: z.number().optional() })

  test('are refused where there are environment variables', () => {
    expect(() => staged(clash, { layers: [storedLayer('base'), envLayer] })).toThrow(
      /^\[name_clash\] .*TIMEOUT_MS/,
    )
  })

  test('are two keys in a store', () => {
    const value = acceptedValue(staged(clash).patch(0, { timeoutMs: '1', timeout_ms: '2' }))
    expect(value).toEqual({ timeoutMs: 1, timeout_ms: 2 })
  })
})

test('createPipeline: the layers of a source come in their order, and sources in theirs', () => {
  const layers = ['base', 'prod'].map(storedLayer)
  const pipeline = createPipeline(compileSchema(schema), [
    { name: 'file', layers: [storedLayer('file')] },
    { name: 'etcd', layers },
  ])
  const leaf = (value: string) => ({ path: 'db/host', value, revision: 1 })
  pipeline.stage(1, {
    type: 'replace',
    update: { revision: 1, epoch: 0, layers: [[leaf('base')], [leaf('prod')]] },
  })
  pipeline.stage(0, { type: 'replace', update: { revision: 1, epoch: 0, layers: [[leaf('file')]] } })
  pipeline.evaluate()
  const shown = pipeline
    .explain('db.host')
    .layers.map(({ origin, value }) => `${origin.source} ${origin.key} ${value as string}`)
  expect(shown).toEqual(['etcd /prod/db/host prod', 'etcd /base/db/host base', 'file /file/db/host file'])
})
