import { secret } from '@livetree/core'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'
import { callCounter } from '../support/count-calls.ts'
import { isLongRun } from '../support/run-length.ts'

/** Each depth is twice the one before: a walk that doubles per level makes at least 32 times the calls at the second. */
const DEPTHS = isLongRun ? [5, 10, 20, 40, 60] : [8, 16]
/** Schemas with more than 100,000 places, which is about 2 ** 16, are refused: `assertBounded`. */
const SHARED_DEPTHS = [6, 12]
/** What a walk may make more of at twice the depth; one by squares makes four times as many, by cubes eight. */
const MOST = 10

const countCalls = callCounter()

type Shape = (word: () => z.ZodType) => z.ZodType

/** Schemas that come back to themselves, in the ways a schema can. `word` makes what each level holds beside the next. */
const recursive: Readonly<Record<string, Shape>> = {
  object: (word) => {
    const node = z.object({
      word: word(),
      get next(): z.ZodType {
        return node.optional()
      },
    })
    return node
  },
  lazy: (word) => {
    const node: z.ZodType = z.object({ word: word(), next: z.lazy(() => node).optional() })
    return node
  },
  wrappers: (word) => {
    const node = z.object({
      word: word(),
      get next(): z.ZodType {
        return node.readonly().nullable().optional().catch(undefined)
      },
    })
    return node
  },
  refined: (word) => {
    const node = z.object({
      word: word(),
      get next(): z.ZodType {
        return node.refine(() => true).optional()
      },
    })
    return node
  },
  transformed: (word) => {
    const node = z.object({
      word: word(),
      get next(): z.ZodType {
        return node.transform((value: unknown) => value).optional()
      },
    })
    return node
  },
  piped: (word) => {
    const node = z.object({
      word: word(),
      get next(): z.ZodType {
        return node.pipe(z.any()).optional()
      },
    })
    return node
  },
  'a union': (word) => {
    const node: z.ZodType = z.lazy(() =>
      z.union([
        z.object({ other: z.string(), next: node.optional() }),
        z.object({ word: word(), next: node.optional() }),
      ]),
    )
    return node
  },
  'a union whose options differ at the end only': (word) => {
    const node: z.ZodType = z.lazy(() => whole)
    const whole = z.union([
      z.strictObject({ next: node }),
      z.strictObject({ next: node, other: z.string() }),
      z.object({ word: word(), next: node.optional() }),
    ])
    return node
  },
  'unions in unions': (word) => {
    const next = () => node.optional()
    const node: z.ZodType = z.lazy(() => whole)
    const whole = z.union([
      z.union([z.object({ a: z.string(), next: next() }), z.object({ b: z.string(), next: next() })]),
      z.union([z.object({ c: z.string(), next: next() }), z.object({ word: word(), next: next() })]),
    ])
    return node
  },
  'a discriminated union': (word) => {
    const node: z.ZodType = z.lazy(() => whole)
    const whole = z.discriminatedUnion('word', [
      z.object({ word: z.literal('a'), next: node.optional() }),
      z.object({ word: z.literal('w'), hidden: word().optional(), next: node.optional() }),
    ])
    return node
  },
  xor: (word) => {
    const node: z.ZodType = z.lazy(() => whole)
    const whole = z.xor([
      z.object({ other: z.string(), next: node.optional() }),
      z.object({ word: word(), next: node.optional() }),
    ])
    return node
  },
  'an intersection': (word) => {
    const node: z.ZodType = z.lazy(() => whole)
    const whole = z.intersection(
      z.object({ word: word(), next: node.optional() }),
      z.object({ other: z.string().optional(), next: node.optional() }),
    )
    return node
  },
  'an intersection in an intersection': (word) => {
    const node: z.ZodType = z.lazy(() => whole)
    const side = () => z.object({ next: node.optional() })
    const whole = z.intersection(
      z.intersection(z.object({ word: word(), next: node.optional() }), side()),
      z.intersection(side(), z.lazy(side)),
    )
    return node
  },
  'an intersection of unions': (word) => {
    const node: z.ZodType = z.lazy(() => whole)
    const next = node.optional()
    const whole = z.intersection(
      z.union([z.object({ other: z.string(), next }), z.object({ word: word(), next })]),
      z.union([z.object({ next: node.nullable().optional() }), z.string()]),
    )
    return node
  },
  'a union of intersections': (word) => {
    const node: z.ZodType = z.lazy(() => whole)
    const side = () => z.object({ next: node.optional() })
    const whole = z.union([
      z.intersection(side(), z.object({ other: z.string(), next: node.optional() })),
      z.intersection(side(), z.object({ word: word(), next: node.optional() })),
    ])
    return node
  },
  'an intersection of records': (word) => {
    const node: z.ZodType = z.lazy(() => whole)
    const whole = z.intersection(
      z.record(z.string(), z.union([word(), node])),
      z.record(z.string(), z.union([word(), node])),
    )
    return node
  },
  'an intersection of maps': (word) => {
    const node: z.ZodType = z.lazy(() => whole)
    const side = () => z.map(z.string(), z.union([word(), node]))
    const whole = z.intersection(side(), side())
    return node
  },
  'an intersection of an object and a map': (word) => {
    const node: z.ZodType = z.lazy(() => whole)
    const whole = z.intersection(z.object({ word: word(), next: node.optional() }), z.map(z.string(), node))
    return node
  },
  'a record': (word) => {
    const node: z.ZodType = z.lazy(() => z.record(z.string(), z.union([word(), node])))
    return node
  },
  'a map': (word) => {
    const node: z.ZodType = z.lazy(() => z.map(z.string(), z.union([word(), node])))
    return node
  },
  'any JSON': () => z.json(),
}

/** Schemas that are as deep as the depth says, where each level holds the one below twice. */
const shared: Readonly<Record<string, (below: z.ZodType) => z.ZodType>> = {
  union: (below) => z.union([below, below]),
  'union of wrappers': (below) => z.union([below.readonly(), below.nullable()]),
}

/** Where the chain stands: as keys, in the text of one document, or inside a list, which is one value. */
const forms: Readonly<
  Record<string, (depth: number, last: string) => readonly (readonly [string, unknown])[]>
> = {
  keys: (depth, last) => [
    ...Array.from({ length: depth }, (_, level) => [`it/${'next/'.repeat(level)}word`, 'w'] as const),
    [`it/${'next/'.repeat(depth)}word`, last],
  ],
  'text of a document': (depth, last) => [['it', JSON.stringify(chain(depth, last))]],
  'document in a list': (depth, last) => [['list', [chain(depth, last)]]],
}

function chain(depth: number, last: string): object {
  let value: object = { word: last }
  for (let level = 0; level < depth; level++) value = { word: 'w', next: value }
  return value
}

function run(schema: z.ZodType, leaves: readonly (readonly [string, unknown])[], depth: number): void {
  const plan = compileSchema(z.object({ it: schema.optional(), list: z.array(schema).optional() }))
  const layer = {
    name: 'base',
    keyPrefix: '/base/',
    separator: '/',
    naming: 'stored',
    isNested: true,
  } as const
  const pipeline = createPipeline<unknown>(plan, [{ name: 'base', layers: [layer] }], { unused: 'reject' })
  for (const revision of [1, 2]) {
    const changes = leaves.map(([path, value]) => ({
      layer: 0,
      leaf: { path, value: revision === 1 ? value : `${value}`, revision },
    }))
    pipeline.stage(0, { type: 'patch', update: { revision, changes } })
    const outcome = pipeline.evaluate()
    if (outcome.type === 'accepted') JSON.stringify(outcome.value)
    pipeline.explain(['it', ...Array<string>(depth).fill('next'), 'word'])
    pipeline.leaves(0, { withSecrets: false })
  }
}

async function expectBounded(runAt: (depth: number) => unknown, depths = DEPTHS): Promise<void> {
  let before = Number.POSITIVE_INFINITY
  for (const depth of depths) {
    const count = await countCalls(() => runAt(depth))
    expect(count, `${depth} levels, against ${before} calls for half as many`).toBeLessThan(MOST * before)
    before = count
  }
}

const word = () => secret(z.literal('w'))

for (const [form, leavesOf] of Object.entries(forms)) {
  test.each(Object.entries(recursive))(`a chain as ${form}, read by %s`, async (_name, shape) => {
    await expectBounded((depth) => run(shape(word), leavesOf(depth, 'w'), depth))
  })
}

for (const [form, leavesOf] of Object.entries(forms)) {
  test.each(Object.entries(recursive))(
    `a chain as ${form} with an invalid end, read by %s`,
    async (_name, shape) => {
      await expectBounded((depth) => run(shape(word), leavesOf(depth, 'bad'), depth))
    },
  )
}

test.each(Object.entries(shared))('a schema that holds the one below twice: %s', async (_name, shape) => {
  await expectBounded((depth) => {
    let schema: z.ZodType = z.object({ word: word() })
    for (let level = 0; level < depth; level++) schema = shape(schema)
    run(
      schema,
      [
        ['it/word', 'w'],
        ['list', [{ word: 'w' }]],
      ],
      0,
    )
  }, SHARED_DEPTHS)
})
