import { expect, test } from 'vitest'
import * as z from 'zod'
import { storedName } from '../../packages/core/src/schema/naming.ts'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import { parsePathText, pathText } from '../../packages/core/src/format/path-text.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'
import { flatten } from '../../packages/core/src/source/flatten.ts'
import { type DocumentFormat, parseDocument } from '../../packages/core/src/source/parse-document.ts'
import { Unreadable } from '../../packages/core/src/source/source.ts'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig, env, LivetreeError, memory } from '@livetree/core'
import { EtcdError } from '@livetree/etcd'
import { etcd } from 'livetree'
import { prefixEnd } from '../../packages/etcd/src/key-range.ts'
import { parseEndpoint } from '../../packages/etcd/src/transport/endpoint-url.ts'
import { errorOfStatus, readStatus } from '../../packages/etcd/src/transport/status.ts'
import { isTokenText } from '../../packages/etcd/src/token-texts.ts'
import { WatchEvent } from '../../packages/etcd/src/watch/watch-handlers.ts'
import { LayerLeaves } from '../../packages/livetree/src/etcd-source/layer-leaves.ts'
import { TreeLayers } from '../../packages/livetree/src/etcd-source/tree-layers.ts'
import { planOfRoot } from '../../packages/livetree/src/etcd-source/tree-plan.ts'
import { HOSTILE_LENGTH, hostileShapes, SCALAR_KINDS } from '../support/hostile-shapes.ts'
import { isLongRun } from '../support/run-length.ts'
import { expectLinear, type Part } from '../support/expect-linear.ts'

/**
 * What takes time by the square of its input takes minutes or hours at this length; what does not takes milliseconds.
 * Between them there is room for the slowest machine.
 */
const BOUND_MS = 20_000

/** By name, at a quarter of a size and at the whole. The long form has values as large as etcd takes them. */
const shapesOf = (length: number) => ({ quarter: hostileShapes(length / 4), whole: hostileShapes(length) })
const longShapes = shapesOf(HOSTILE_LENGTH)
const shapes = isLongRun ? longShapes : shapesOf(HOSTILE_LENGTH / 15)
const SHAPE_NAMES = Object.keys(shapes.whole)

/** All of them; in the short form every fifth, for each kind others. */
const shapesFor = (kind: string): readonly string[] => {
  const offset = Object.keys(kinds).indexOf(kind)
  return isLongRun ? SHAPE_NAMES : SHAPE_NAMES.filter((_, index) => (index + offset) % 5 === 0)
}

const within = (what: string, run: () => unknown): void => {
  const startedAt = performance.now()
  run()
  expect(performance.now() - startedAt, what).toBeLessThan(BOUND_MS)
}

const LAYERS = [
  { name: 'base', keyPrefix: '/base/', separator: '/', naming: 'stored' },
  { name: 'env', keyPrefix: 'APP_', separator: '__', naming: 'env' },
] as const

const pipelineOf = (schema: z.ZodType) =>
  createPipeline<unknown>(
    compileSchema(schema),
    LAYERS.map((layer) => ({ name: layer.name, layers: [layer] })),
    {
      unused: 'reject',
    },
  )

const kinds: Readonly<Record<string, z.ZodType>> = {
  ...SCALAR_KINDS,
  'tagged union': z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), z.object({ k: z.literal(1) })]),
  list: z.array(z.number()),
  record: z.record(z.string(), z.number()),
  map: z.map(z.number(), z.number()),
  object: z.object({ a: z.number().optional() }),
  'any JSON': z.json(),
}

/** Kinds that hold others are given more than one would read in a moment. */
const composites = ['tagged union', 'list', 'record', 'map', 'object', 'any JSON']

test.each(Object.entries(kinds))('%s: a long value, whatever it is', async (kind, schema) => {
  const texts = composites.includes(kind) ? shapes : longShapes
  const paths = kind.endsWith('union') ? ['it', 'it/k'] : ['it']
  for (const shape of shapesFor(kind)) {
    for (const path of paths) {
      await expectLinear(`${kind} at ${path} from ${shape}`, (part) => {
        const pipeline = pipelineOf(z.object({ it: schema.optional(), '': schema.optional() }))
        const changes = [{ layer: 0, leaf: { path, value: texts[part][shape]!, revision: 1 } }]
        return () => {
          pipeline.stage(0, { type: 'patch', update: { revision: 1, changes } })
          pipeline.evaluate()
          pipeline.explain('it')
        }
      })
    }
  }
})

test('a long name, whatever it is', async () => {
  const schema = z.object({
    known: z.object({ timeoutMs: z.string().optional() }),
    record: z.record(z.string(), z.object({ port: z.number() })),
    enum: z.partialRecord(z.enum(['a', 'b']), z.string()),
  })
  for (const shape of SHAPE_NAMES) {
    for (const [layer, { separator, name: layerName }] of LAYERS.entries()) {
      await expectLinear(`a name of ${shape} in ${layerName}`, (part) => {
        const pipeline = pipelineOf(schema)
        const text = shapes[part][shape]!
        const name = layer === 1 ? text.toUpperCase() : text
        const paths = [name, `known/${name}`, `record/${name}/port`, `record/${name}`, `enum/${name}`]
        const leaves = paths.map((path) => ({
          path: path.replaceAll('/', separator),
          value: 'x',
          revision: 1,
        }))
        return () => {
          pipeline.stage(layer, { type: 'replace', update: { revision: 1, epoch: 0, layers: [leaves] } })
          pipeline.evaluate()
        }
      })
    }
    const textOf = (part: Part) => shapes[part][shape]!
    await expectLinear(`a path of ${shape}`, (part) => {
      const pipeline = pipelineOf(schema)
      return () => pipeline.explain(textOf(part))
    })
    await expectLinear(`the text of a path of ${shape}`, (part) => {
      const text = textOf(part)
      return () => parsePathText(pathText([text, text]))
    })
    await expectLinear(`the words of ${shape}`, (part) => () => storedName(textOf(part), 'kebab-case'))
  }
})

const namesOf = (count: number) => Array.from({ length: count }, (_, index) => `key${(index * 7919) % count}`)
const many = namesOf(100_000)
const siblings = isLongRun
  ? { quarter: namesOf(25_000), whole: many }
  : { quarter: namesOf(7_500), whole: namesOf(30_000) }

test.each<[string, z.ZodType]>([
  ['a record', z.record(z.string(), z.number())],
  ['a map', z.map(z.string(), z.number())],
  ['a list', z.array(z.number())],
  ['a set of objects', z.set(z.object({}).catchall(z.number()))],
  [
    'unknown keys beside many names',
    z.object(Object.fromEntries(many.slice(0, 500).map((name) => [`${name}x`, z.number().optional()]))),
  ],
])('many siblings: %s', async (_name, schema) => {
  const staging = (part: Part) => {
    const pipeline = pipelineOf(schema)
    const leaves = siblings[part].map((name) => ({
      path: schema instanceof z.ZodSet ? `${name}/x` : name,
      value: '1',
      revision: 1,
    }))
    const patch = (value: string) => {
      const changes = leaves.map((leaf) => ({ layer: 0, leaf: { ...leaf, value } }))
      pipeline.stage(0, { type: 'patch', update: { revision: 1, changes } })
      pipeline.evaluate()
    }
    const replace = (value: string) => {
      const update = { revision: 3, epoch: 0, layers: [leaves.map((leaf) => ({ ...leaf, value }))] }
      pipeline.stage(0, { type: 'replace', update })
      pipeline.evaluate()
    }
    return { patch, replace }
  }
  await expectLinear('put one by one', (part) => {
    const { patch } = staging(part)
    return () => patch('1')
  })
  await expectLinear('refused one by one', (part) => {
    const { patch } = staging(part)
    patch('1')
    return () => patch('bad')
  })
  await expectLinear('replaced', (part) => {
    const { patch, replace } = staging(part)
    patch('1')
    return () => replace('2')
  })
})

test.each<[string, (name: string) => string, layersNames: boolean]>([
  ['a record', (name) => `OPEN__${name}`, false],
  ['records in a record', (name) => `NESTED__${name}__X`, false],
  ['a record whose names another layer has, too', (name) => `OPEN__${name}`, true],
])('many variables of the environment: %s', async (_name, pathOf, hasNames) => {
  const texts = z.record(z.string(), z.string())
  const schema = z.object({ open: texts.optional(), nested: z.record(z.string(), texts).optional() })
  const stage = (part: Part) => {
    const pipeline = pipelineOf(schema)
    const leaf = (path: string) => ({ path, value: 'x', revision: 1 })
    const below = hasNames ? siblings[part].map((name) => leaf(`open/${name}`)) : []
    pipeline.stage(0, { type: 'replace', update: { revision: 1, epoch: 0, layers: [below] } })
    const leaves = siblings[part].map((name) => leaf(pathOf(name.toUpperCase())))
    return () => {
      pipeline.stage(1, { type: 'replace', update: { revision: 1, epoch: 0, layers: [leaves] } })
      pipeline.evaluate()
    }
  }
  await expectLinear('read', stage)
})

test('documents in which names have no place, put, changed and taken away', async () => {
  const schema = z.record(z.string(), z.record(z.string(), z.string()))
  const staging = (part: Part) => {
    const pipeline = pipelineOf(schema)
    return (value: string | undefined) => {
      const changes = siblings[part].map((path) => ({ layer: 0, leaf: { path, value, revision: 1 } }))
      pipeline.stage(0, { type: 'patch', update: { revision: 1, changes } })
    }
  }
  const [first, second] = ['{"__proto__": "x", "a": "1"}', '{"__proto__": "y", "a": "2"}']
  await expectLinear('put', (part) => {
    const put = staging(part)
    return () => put(first)
  })
  for (const next of [second, undefined]) {
    await expectLinear(next === undefined ? 'taken away' : 'changed', (part) => {
      const put = staging(part)
      put(first)
      return () => put(next)
    })
  }
})

test('100,000 values that cannot be read in one list', () => {
  const pipeline = pipelineOf(z.array(z.number()))
  const changes = many.map((path) => ({ layer: 0, leaf: { path, value: `"${path}`, revision: 1 } }))
  within('refused', () => {
    pipeline.stage(0, { type: 'patch', update: { revision: 1, changes } })
    pipeline.evaluate()
  })
})

test('memory().set with many names, into nothing and over themselves', async () => {
  const definition = defineConfig({ name: 'growth', schema: z.record(z.string(), z.json()), guard: false })
  const source = memory({})
  const config = await definition.load({ sources: [source] })
  const names = Object.fromEntries(siblings.whole.map((name) => [name, { a: 1 }]))
  within('set', () => source.set(names))
  within('set as values', () => source.set(Object.fromEntries(siblings.whole.map((name) => [name, 'x']))))
  within('taken away', () => source.set(Object.fromEntries(siblings.whole.map((name) => [name, undefined]))))
  expect(config.current).toEqual({})
  await config.close()
})

const file = (format: DocumentFormat, text: string) => parseDocument(Buffer.from(text), format)

test.each<[string, DocumentFormat, () => string]>([
  [
    'flat keys',
    'yaml',
    () =>
      many
        .slice(0, 20_000)
        .map((name) => `${name}: ${name}`)
        .join('\n'),
  ],
  [
    'flat keys on one line',
    'yaml',
    () =>
      `{${many
        .slice(0, 20_000)
        .map((name) => `${name}: ${name}`)
        .join(', ')}}`,
  ],
  [
    'items',
    'yaml',
    () =>
      many
        .slice(0, 20_000)
        .map((name) => `- ${name}`)
        .join('\n'),
  ],
  ['base64, 8 MB', 'yaml', () => `it: ${Buffer.alloc(6_000_000, 7).toString('base64')}`],
  ['base64 in lines, 8 MB', 'yaml', () => `it: |\n${`  ${'A'.repeat(76)}\n`.repeat(100_000)}`],
  ['aliases', 'yaml', () => `a: &a 1\nb:\n${'- *a\n'.repeat(20_000)}`],
  [
    'aliases of aliases',
    'yaml',
    () =>
      Array.from({ length: 5_000 }, (_, i) => `a${i}: &a${i} [*a${Math.max(0, i - 1)}]`)
        .join('\n')
        .replace('[*a0]', '[]'),
  ],
  ['merges', 'yaml', () => `a: &a {x: 1}\nb:\n${'  <<: *a\n'.repeat(10_000)}`],
  ['100,000 names', 'json', () => JSON.stringify(Object.fromEntries(many.map((name) => [name, name])))],
  [
    'a base64 text, 8 MB',
    'json',
    () => JSON.stringify({ it: Buffer.alloc(6_000_000, 7).toString('base64') }),
  ],
])('a file of %s (%s)', async (_name, format, make) => {
  const text = make()
  const startedAt = performance.now()
  const leaves = flatten(await file(format, text))
  expect(performance.now() - startedAt).toBeLessThan(BOUND_MS)
  expect(leaves.length).toBeGreaterThan(0)
})

test.each<DocumentFormat>(['json'])('a %s file of any hostile shape', async (format) => {
  for (const [shape, text] of Object.entries(longShapes.whole)) {
    const startedAt = performance.now()
    flatten(await file(format, text))
    expect(performance.now() - startedAt, shape).toBeLessThan(BOUND_MS)
  }
})

test.each(['}', ']\n', '[}', '%X y\n', '"\\q', '---\n'])(
  'a YAML file whose text has a syntax error at every place: %j',
  async (unit) => {
    const text = unit.repeat(500_000 / unit.length)
    const before = process.cpuUsage()
    expect(await file('yaml', text)).toBeInstanceOf(Unreadable)
    const { user, system } = process.cpuUsage(before)
    // An error for each of them took 4 s and 700 MB.
    expect((user + system) / 1000).toBeLessThan(2_000)
  },
)

test.each(['\n', '\r\n', ' ', '\t\n', '\u00a0\n'])('a dotenv file of 1.5 MB of blanks: %j', async (blank) => {
  const directory = await mkdtemp(join(tmpdir(), 'livetree-growth-'))
  try {
    const path = join(directory, '.env')
    await writeFile(path, `APP_A=1${blank.repeat(1_500_000 / blank.length)}`)
    await appendFile(path, `\nAPP_B="${blank.repeat(10_000)}"${blank.repeat(1_500_000 / blank.length)}?`)
    const definition = defineConfig({ name: 'growth', schema: z.object({ a: z.string().optional() }) })
    const startedAt = performance.now()
    const sources = [env({ prefix: 'APP_', dotenv: [path], watch: false, environment: {} })]
    await expect(definition.load({ sources })).rejects.toThrow(/blank characters in a row/)
    expect(performance.now() - startedAt).toBeLessThan(BOUND_MS)
  } finally {
    await rm(directory, { recursive: true })
  }
})

test.each([
  ['runs just below the limit', `APP_A=1${'\n'.repeat(999)}?`],
  ['runs of all kinds of blanks', `${' \t\r\n\u2028'.repeat(190)}?`],
])('a dotenv file of 1.5 MB in which many %s stand', async (_name, unit) => {
  const directory = await mkdtemp(join(tmpdir(), 'livetree-growth-'))
  try {
    const path = join(directory, '.env')
    await writeFile(path, unit.repeat(1_500_000 / unit.length))
    const definition = defineConfig({ name: 'growth', schema: z.object({ a: z.string().optional() }) })
    const sources = [env({ prefix: 'APP_', dotenv: [path], watch: false, environment: {} })]
    const before = process.cpuUsage()
    await expect(definition.load({ sources })).rejects.toThrow(/blank characters in a row/)
    expect(process.cpuUsage(before).user).toBeLessThan(3_000_000)
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('a dotenv file of 1.5 MB with blank lines here and there', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'livetree-growth-'))
  try {
    const path = join(directory, '.env')
    await writeFile(path, 'APP_A=1\n\n\n\n  # words\n\n'.repeat(65_000))
    const definition = defineConfig({ name: 'growth', schema: z.object({ a: z.string().optional() }) })
    const sources = [env({ prefix: 'APP_', dotenv: [path], watch: false, environment: {} })]
    await using config = await definition.load({ sources })
    expect(config.current.a).toBe('1')
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('what etcd, and whoever stands before it, may say', async () => {
  const text = (shape: string, part: Part) => longShapes[part][shape]!
  for (const shape of SHAPE_NAMES) {
    const ready: Record<string, (part: Part) => () => unknown> = {
      'a status text': (part) => () =>
        errorOfStatus({ code: 3, message: `etcdserver: ${text(shape, part)}` }, {}),
      'a status in headers': (part) => () =>
        readStatus({ 'grpc-status': text(shape, part), 'grpc-message': text(shape, part) }),
      'a token text': (part) => () => isTokenText(text(shape, part)),
      'an endpoint': (part) => () => {
        try {
          parseEndpoint(text(shape, part), false)
        } catch (error) {
          if (!(error instanceof EtcdError)) throw error
        }
      },
      'a key': (part) => {
        const leaves = new LayerLeaves(new TreeLayers(planOfRoot('/c', ['base'])))
        const key = Buffer.from(`/c/base/${text(shape, part)}`)
        const kv = { key, value: key, modRevision: 1, createRevision: 1, version: 1, lease: 0n }
        return () => leaves.changesOf(new WatchEvent('put', kv, undefined))
      },
      'a root': (part) => () => {
        try {
          etcd({ endpoints: ['127.0.0.1:1'], root: `/${text(shape, part)}x` })
        } catch (error) {
          if (!(error instanceof LivetreeError)) throw error
        }
      },
      'a prefix': (part) => () => prefixEnd(Buffer.alloc(text(shape, part).length, 0xff)),
    }
    for (const [what, run] of Object.entries(ready)) await expectLinear(`${what} of ${shape}`, run)
  }
})

test('8 MB of base64 are read', async () => {
  const bytes = Buffer.alloc(6_000_000, 7)
  const definition = defineConfig({ name: 'bytes', schema: z.object({ it: z.instanceof(Uint8Array) }) })
  const config = await definition.load({ sources: [memory({ it: bytes.toString('base64') })] })
  expect(Buffer.compare(config.current.it, bytes)).toBe(0)
  await config.close()
})
