import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import type { LayerInfo, Source, SourceContext } from '../source/source.ts'
import { memory } from '../source/memory.ts'
import { secret } from '../schema/secret.ts'
import { createTestClock } from '../testing/test-clock.ts'
import { readOnce } from './read-once.ts'
import { validateTree } from './validate-tree.ts'

const LAYER: LayerInfo = { name: 'own', keyPrefix: '/x/', separator: '/', naming: 'stored' }

/** A source that does one thing when it is opened, and counts what is open. */
function sourceThat(open: (context: SourceContext) => void): Source & { openCount: number } {
  const source = {
    name: 'own',
    address: 'far away',
    layers: [LAYER],
    isRemote: true,
    openCount: 0,
    open(context: SourceContext) {
      source.openCount++
      open(context)
      return {
        refresh: async () => {},
        close: async () => {
          source.openCount--
        },
      }
    },
  }
  return source
}

const leaves = [{ path: 'a', value: '5', revision: 7 }]

test('readOnce: gives the first tree of a source and closes it', async () => {
  const source = sourceThat(({ sink }) => {
    sink.lost({ error: new Error('not yet'), isFinal: false })
    sink.replace({ revision: 7, epoch: 0, store: 's', layers: [leaves], provenAt: 3 })
    sink.replace({ revision: 8, epoch: 0, layers: [[]] })
  })
  const clock = createTestClock()
  expect(await readOnce(source, { clock })).toEqual({
    name: 'own',
    layers: [LAYER],
    leaves: [leaves],
    revision: 7,
    store: 's',
    provenAt: expect.any(Number),
  })
  expect(source.openCount).toBe(0)
})

test('readOnce: gives a tree that arrives in parts as a whole', async () => {
  const source = sourceThat(({ sink }) => {
    const tree = sink.beginReplace()
    queueMicrotask(() => {
      tree.add(0, leaves)
      tree.add(0, [{ path: 'b', value: '6', revision: 8 }])
      tree.commit({ revision: 8, epoch: 0 })
    })
  })
  expect((await readOnce(source)).leaves[0]?.map(({ path }) => path)).toEqual(['a', 'b'])
})

test.each<[string, (context: SourceContext) => void, RegExp]>([
  [
    'a failure that no retry mends',
    ({ sink }) => sink.lost({ error: new Error('wrong password'), isFinal: true }),
    /\[source_unavailable\] Source own \(far away\) cannot be read: wrong password/,
  ],
  [
    'a patch before a tree',
    ({ sink }) => sink.patch({ revision: 1, changes: [] }),
    /\[source_broken\] Source own sent a patch before its first replace/,
  ],
  [
    'a tree of another number of layers',
    ({ sink }) => sink.replace({ revision: 1, epoch: 0, layers: [] }),
    /\[source_broken\] Source own handed over 0 layers and declares 1/,
  ],
  [
    'a malformed leaf',
    ({ sink }) => sink.replace({ revision: 1, epoch: 0, layers: [[{ path: 5 } as never]] }),
    /\[source_broken\] Source own called replace\(\) with layers\[0\]\[0\]\.path/,
  ],
  [
    'an open() that throws',
    () => {
      throw new Error('no')
    },
    /\[source_broken\] Source own could not be opened: no/,
  ],
])('readOnce: rejects %s, and closes', async (_name, open, message) => {
  const source = sourceThat(open)
  await expect(readOnce(source)).rejects.toThrow(message)
  expect(source.openCount).toBe(message.source.includes('opened') ? 1 : 0)
})

test('readOnce: a source that does not answer ends with its last failure', async () => {
  const clock = createTestClock()
  const source = sourceThat(({ sink }) => sink.lost({ error: new Error('refused'), isFinal: false }))
  const reading = readOnce(source, { clock, timeoutMs: 500 })
  const rejected = expect(reading).rejects.toThrow(
    /\[source_unavailable\] Source own \(far away\) has not delivered its tree within 500 ms: refused\.$/,
  )
  await clock.advance(500)
  await rejected
  await expect.poll(() => source.openCount).toBe(0)
})

test('readOnce: a signal ends it', async () => {
  const controller = new AbortController()
  const source = sourceThat(() => {})
  const rejected = expect(readOnce(source, { signal: controller.signal })).rejects.toThrow(/\[aborted\]/)
  controller.abort()
  await rejected
  await expect.poll(() => source.openCount).toBe(0)
  await expect(readOnce(source, { signal: AbortSignal.abort() })).rejects.toThrow(/\[aborted\]/)
  expect(source.openCount).toBe(0)
})

test('readOnce: refuses what is no source, and unknown options', async () => {
  await expect(readOnce({} as never)).rejects.toThrow(/\[invalid_options\].*is not a source/)
  await expect(readOnce(memory({}), { timeoutMS: 5 } as never)).rejects.toThrow(/timeoutMs/)
})

const definition = defineConfig({
  name: 'x',
  schema: z.object({ a: z.number().min(3), b: z.string().default('b'), c: secret(z.string()).optional() }),
})

test('validateTree: gives the value that load would give, and where it comes from', () => {
  const source = {
    name: 'own',
    layers: [LAYER],
    leaves: [[...leaves, { path: 'z', value: 'x', revision: 1 }]],
  }
  const tree = validateTree(definition, [source])
  if (tree.type === 'invalid') expect.fail('it is valid')
  expect(tree.value).toEqual({ a: 5, b: 'b' })
  expect(Object.isFrozen(tree.value)).toBe(true)
  expect(tree.unused.map(({ origin }) => origin.key)).toEqual(['/x/z'])
  expect(tree.explain('a').layers[0]?.origin).toEqual({
    source: 'own',
    layer: 'own',
    key: '/x/a',
    revision: 7,
  })
})

test('validateTree: gives each issue with path, key and layer, and no secret', () => {
  const wrong = [
    { path: 'a', value: '1', revision: 9 },
    { path: 'c/x', value: 'hunter2', revision: 9 },
  ]
  const tree = validateTree(definition, [{ name: 'own', layers: [LAYER], leaves: [wrong] }])
  if (tree.type === 'valid') expect.fail('it is invalid')
  expect(tree.issues).toMatchObject([
    { pathText: 'a', origins: [{ layer: 'own', key: '/x/a', revision: 9 }] },
  ])
  expect(JSON.stringify([tree.issues, tree.explain('c')])).not.toContain('hunter2')
})

test('validateTree: what one candidate changes in another', () => {
  const of = (a: string) => [
    { name: 'own', layers: [LAYER], leaves: [[{ path: 'a', value: a, revision: 1 }]] },
  ]
  const before = validateTree(definition, of('5'))
  const after = validateTree(definition, of('6'))
  if (before.type === 'invalid' || after.type === 'invalid') expect.fail('both are valid')
  expect(before.changesTo(after.value)).toMatchObject([
    { type: 'changed', pathText: 'a', previous: 5, next: 6 },
  ])
})

test('validateTree: equal dates, bytes and addresses of two candidates are no change', () => {
  const own = defineConfig({
    name: 'x',
    schema: z.object({
      when: z.date(),
      bytes: z.instanceof(Uint8Array),
      keys: z.map(z.string(), z.date()),
      home: z.codec(z.string(), z.instanceof(URL), { decode: (href) => new URL(href), encode: String }),
    }),
  })
  const texts = { when: '2026-01-02', bytes: 'AQID', 'keys/a': '2026-01-02', home: 'http://x/' }
  const of = (more: object) => {
    const all = Object.entries({ ...texts, ...more }).map(([path, value]) => ({ path, value, revision: 1 }))
    const tree = validateTree(own, [{ name: 'own', layers: [LAYER], leaves: [all] }])
    return tree.type === 'valid' ? tree : expect.fail('it is valid')
  }
  expect(of({}).changesTo(of({}).value)).toEqual([])
  const changed = of({}).changesTo(of({ 'keys/a': '2026-01-03', home: 'http://y/' }).value)
  expect(changed.map(({ pathText }) => pathText).sort()).toEqual(['home', 'keys'])
})

test.each<[string, object]>([
  ['no leaves', { leaves: undefined }],
  ['another number of layers', { leaves: [] }],
  ['a leaf without a path', { leaves: [[{ value: 'x' }]] }],
])('validateTree: refuses %s', (_name, more) => {
  const source = { name: 'own', layers: [LAYER], ...more }
  expect(() => validateTree(definition, [source as never])).toThrow(
    /\[invalid_options\] validateTree\(\) sources\[0\]/,
  )
})
