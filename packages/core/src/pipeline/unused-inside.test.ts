import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { flatten } from '../source/flatten.ts'
import { issuesOf, staged, storedLayer, type Tree } from './staged.test.kit.ts'

const point = z.object({ x: z.number().optional(), label: z.string().optional() })
const tagged = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('a'), one: z.number().optional() }),
  z.object({ kind: z.literal('b'), two: z.number().optional() }),
])

const either = z.union([
  z.object({ one: z.number(), in: z.object({ both: z.number() }).optional() }),
  z.object({ two: z.number(), in: z.object({ both: z.number(), two: z.number() }).optional() }),
])

interface Chain {
  value?: number | undefined
  next?: readonly Chain[] | undefined
}
const chain: z.ZodType<Chain> = z.object({
  value: z.number().optional(),
  next: z.array(z.lazy(() => chain)).optional(),
})

const rows: readonly [name: string, schema: z.ZodType, value: unknown, unused: readonly string[]][] = [
  ['list', z.array(point), [{ x: 1 }, { lable: 'typo' }], ['it.1.lable']],
  ['list in a list', z.array(z.array(point)), [[{ x: 1, y: 2 }]], ['it.0.0.y']],
  ['tuple', z.tuple([point, z.number()]), [{ y: 1 }, 2], ['it.0.y']],
  ['rest of a tuple', z.tuple([z.number()]).rest(point), [1, { y: 1 }, { z: 1 }], ['it.1.y', 'it.2.z']],
  ['set', z.set(point), [{ y: 1 }], ['it.0.y']],
  ['map', z.map(z.string(), point), { k: { y: 1 } }, ['it.k.y']],
  ['map as pairs', z.map(z.string(), point), [['k', { y: 1 }]], ['it.k.y']],
  ['record in a list', z.array(z.record(z.string(), point)), [{ k: { y: 1 } }], ['it.0.k.y']],
  [
    'object in an object in a list',
    z.array(z.object({ o: point })),
    [{ o: { y: 1 }, p: 1 }],
    ['it.0.o.y', 'it.0.p'],
  ],
  ['union', z.union([point, z.number()]), { x: 1, y: 2 }, ['it.y']],
  ['union with a list', z.union([z.number(), z.array(point)]), [{ y: 2 }], ['it.0.y']],
  ['union in a list', z.array(z.union([z.number(), point])), [1, { x: 1, y: 2 }], ['it.1.y']],
  [
    'names of another option',
    z.array(z.union([point, z.object({ y: z.number() })])),
    [
      { x: 1, y: 2, z: 3 },
      { x: 'no number', y: 2 },
    ],
    ['it.0.y', 'it.0.z', 'it.1.x'],
  ],
  [
    'tagged union',
    z.array(tagged),
    [
      { kind: 'a', one: 1, two: 2 },
      { kind: 'b', tow: 2 },
    ],
    ['it.0.two', 'it.1.tow'],
  ],
  ['tagged union of its own', tagged, { kind: 'b', tow: 2 }, ['it.tow']],
  [
    'intersection',
    z.array(z.intersection(point, z.object({ y: z.number() }))),
    [{ x: 1, y: 2, z: 3 }],
    ['it.0.z'],
  ],
  [
    'optional, nullable, default, readonly, lazy',
    z.lazy(() => z.array(point.nullable().default({})).readonly().optional()),
    [null, { y: 1 }],
    ['it.1.y'],
  ],
  ['transform', z.array(point).transform((list) => list.length), [{ y: 1 }], ['it.0.y']],
  ['refinement', z.array(point.refine(() => true)).min(1), [{ y: 1 }], ['it.0.y']],
  [
    'refined object with a list',
    z.object({ list: z.array(point) }).refine(() => true),
    { list: [{ y: 1 }] },
    ['it.list.0.y'],
  ],
  ['recursive', z.array(chain), [{ next: [{ next: [{ valeu: 1 }] }] }], ['it.0.next.0.next.0.valeu']],
  ['catch', z.array(point).catch([]), [{ y: 1 }], ['it.0.y']],
  ['an option of a union of directories', either, { one: 1, two: 2 }, ['it.two']],
  ['its other option', either, { one: 'no number', two: 2 }, ['it.one']],
  ['inside the chosen option', either, { one: 1, in: { two: 2, both: 3 } }, ['it.in.two']],
  ['a union in a union', z.union([z.object({ z: z.number() }), either]), { one: 1, two: 2 }, ['it.two']],
  ['a union in a record', z.record(z.string(), either), { k: { one: 1, two: 2 } }, ['it.k.two']],
  [
    'a union in an intersection',
    z.intersection(z.object({ three: z.number() }), either),
    { one: 1, two: 2, three: 3 },
    ['it.two'],
  ],
  ['a refined union', either.refine(() => true), { one: 1, two: 2 }, ['it.two']],
  ['a set', z.set(point), new Set([{ y: 1 }]), ['it.0.y']],
  ['catchall', z.array(z.object({}).catchall(point)), [{ a: { y: 1 } }], ['it.0.a.y']],
  ['loose object', z.array(z.looseObject({ x: z.number() })), [{ x: 1, y: 2 }], []],
  ['any value, any JSON', z.array(z.union([z.unknown(), z.json()])), [{ y: 2 }], []],
  [
    'hostile names',
    z.array(point),
    [{ constructor: 1, toJSON: 2, 'a.b': 3, '': 4 }],
    ['it.0.""', 'it.0."a.b"', 'it.0.constructor', 'it.0.toJSON'],
  ],
]

describe('unusedInside: names that no schema knows are found inside lists, maps, unions and documents', () => {
  test.each(rows)('%s', (_name, it, value, expected) => {
    const schema = z.object({ it: it.optional() })
    const nested = Object.fromEntries(flatten({ it: value }).map((leaf) => [leaf.path, leaf.value]))
    const forms: [string, Tree, boolean][] = [
      ['a file or memory', nested, true],
      ['a typed value', { it: value }, false],
    ]
    if (!(value instanceof Set)) {
      forms.push(['a document at the root', { '': JSON.stringify({ it: value }) }, false])
      forms.push(['a document at its key', { it: JSON.stringify(value) }, false])
    }
    for (const [form, tree, isNested] of forms) {
      const layers = [{ ...storedLayer('base'), isNested }]
      const first = staged(schema, { layers }).patch(0, tree)
      expect(first.type, form).not.toBe('rejected')
      expect(
        first.unused.map((key) => key.pathText),
        form,
      ).toEqual(expected)
      const { patch } = staged(schema, { layers, unused: 'reject' })
      const outcome = patch(0, tree)
      expect(outcome.type, form).toBe(expected.length === 0 ? 'accepted' : 'rejected')
      if (outcome.type === 'rejected')
        expect(
          issuesOf(outcome).map((issue) => issue.pathText),
          form,
        ).toEqual(expected)
      const gone = Object.fromEntries(Object.keys(tree).map((path) => [path, undefined]))
      expect(patch(0, gone)).toMatchObject({
        type: expected.length === 0 ? 'accepted' : 'accepted',
        unused: [],
      })
    }
  })

  test('each is told with its key and revision, and with the name that may have been meant', () => {
    const { patch } = staged(z.object({ it: z.array(point).optional() }))
    expect(patch(0, { it: '[{"lable": "x"}]' }).unused).toMatchObject([
      { pathText: 'it.0.lable', didYouMean: 'label', origin: { key: '/base/it', revision: 1 } },
    ])
    // a layer above covers it
    expect(patch(1, { it: '[{"label": "x"}]' }).unused).toEqual([])
    expect(patch(1, { it: undefined }).unused).toHaveLength(1)
    expect(patch(0, { it: '[{"label": "x"}]' }).unused).toEqual([])
  })

  test('names as naming writes them are known inside lists', () => {
    const schema = z.object({ it: z.array(z.object({ timeoutMs: z.number().optional() })) })
    const { patch } = staged(schema, { naming: 'kebab-case' })
    const value = [
      { 'timeout-ms': 1 },
      { timeoutMs: 2 },
      { timeout_ms: 3 },
      { 'timeout-ms': 4, timeoutMs: 5 },
    ]
    const outcome = patch(0, { it: JSON.stringify(value) })
    expect(outcome).toMatchObject({
      value: { it: [{ timeoutMs: 1 }, { timeoutMs: 2 }, {}, { timeoutMs: 4 }] },
    })
    expect(outcome.unused.map((key) => key.pathText)).toEqual(['it.2.timeout_ms', 'it.3.timeoutMs'])
  })
})
