import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { defineConfig } from '../define-config.ts'
import { encodeDocument } from '../snapshot-file/snapshot-document.ts'
import { flatten } from '../source/flatten.ts'
import { memory } from '../source/memory.ts'
import { staged } from './staged.test.kit.ts'

/** Values that no walk over them ends with, unless it is bounded. */
const endless: Readonly<Record<string, () => unknown>> = {
  'an object inside itself': () => {
    const value: Record<string, unknown> = { a: 1 }
    value.x = [value]
    return value
  },
  'an object inside itself, by many names': () => {
    const value: Record<string, unknown> = {}
    for (const name of ['a', 'b', 'k', 'x', '0']) value[name] = value
    return value
  },
  'a list inside itself, many times': () => {
    const value: unknown[] = []
    value.push(value, value, value)
    return value
  },
  'a map inside itself': () => {
    const value = new Map<string, unknown>()
    return value.set('a', value).set('b', [value])
  },
  'a set inside itself': () => {
    const value = new Set<unknown>()
    return value.add(value).add([value])
  },
  '5,000 levels of objects': () => levels(5_000, (value) => ({ a: value })),
  '5,000 levels of lists': () => levels(5_000, (value) => [value]),
  '5,000 levels of maps': () => levels(5_000, (value) => new Map([['a', value]])),
  '5,000 levels of sets': () => levels(5_000, (value) => new Set([value])),
  'a part that stands in itself twice, 60 times over, in objects': () =>
    levels(60, (value) => ({ a: value, b: value })),
  'a part that stands in itself twice, 60 times over, in lists': () => levels(60, (value) => [value, value]),
  'a part that stands in itself twice, 60 times over, in maps': () =>
    levels(
      60,
      (value) =>
        new Map([
          ['a', value],
          ['b', value],
        ]),
    ),
}

function levels(count: number, wrap: (value: unknown) => unknown): unknown {
  let value: unknown = 'x'
  for (let level = 0; level < count; level++) value = wrap(value)
  return value
}

const tree: z.ZodType = z.lazy(() => z.union([z.string(), z.array(tree), z.record(z.string(), tree)]))
const tagged = z.discriminatedUnion('k', [
  z.object({ k: z.literal('a'), x: z.any() }),
  z.object({ k: z.literal('b') }),
])

const kinds: Readonly<Record<string, z.ZodType>> = {
  string: z.string(),
  object: z.object({ a: z.string().optional() }),
  'strict object': z.strictObject({ a: z.string().optional() }),
  'object of anything': z.looseObject({}),
  record: z.record(z.string(), z.string()),
  'record of anything': z.record(z.string(), z.any()),
  list: z.array(z.string()),
  'list of anything': z.array(z.any()),
  tuple: z.tuple([z.string()]),
  set: z.set(z.any()),
  map: z.map(z.string(), z.any()),
  union: z.union([z.number(), z.array(z.any()), z.object({ a: z.any() })]),
  'tagged union': tagged,
  'record of tagged unions': z.record(z.string(), tagged),
  intersection: z.intersection(z.looseObject({}), z.looseObject({ a: z.any() })),
  'an object with a refinement': z.looseObject({}).refine(() => true),
  anything: z.any(),
  json: z.json(),
  'inside itself': tree,
  custom: z.custom(() => true),
  transform: z.any().transform((value: unknown) => ({ value })),
}

const PLACES = ['it', 'it/a', 'it/0', 'it/0/b/00', 'it/k/x', 'other', 'other/x', 'it/__proto__', '']
/** What is rejected as unused is what is warned of otherwise: a place of each sort is enough. */
const TRIED = [
  ['warn', PLACES],
  ['reject', ['it/a', 'other/x', '']],
] as const

test.each(Object.entries(endless))('%s: whatever the schema and the place, an outcome', (_name, make) => {
  for (const [kind, schema] of Object.entries(kinds)) {
    for (const [unused, places] of TRIED) {
      const { patch, pipeline } = staged(z.object({ it: schema.optional() }), { unused })
      for (const path of places) {
        const outcome = patch(0, { [path]: make() })
        if (outcome.type === 'rejected')
          expect(outcome.issues.length, `${kind} at ${path}`).toBeGreaterThan(0)
        expect(JSON.stringify(outcome.unused).length).toBeLessThan(100_000)
        pipeline.explain(path.split('/'))
        const leaves = pipeline.leaves(0, { withSecrets: true })[0]!
        const source = { name: 's', revision: 1, epoch: 0, provenAt: 0, layers: [{ name: 'l', leaves }] }
        try {
          encodeDocument({ name: 'c', fingerprint: '', takenAt: 0, hasSecrets: true, sources: [source] })
        } catch (error) {
          expect((error as Error).message).toMatch(/is not text and not JSON/)
        }
        // what is put a second time is compared with what was there
        patch(0, { [path]: make() })
        patch(0, { [path]: undefined })
      }
    }
  }
})

test.each(Object.entries(endless))('%s: from a program', async (_name, make) => {
  for (const value of [make(), { it: make() }, { it: [make()] }, { other: { x: make() } }]) {
    expect(flatten(value).length).toBeLessThan(1_000)
    const definition = defineConfig({
      name: 'bounded',
      schema: z.object({ it: z.any().optional() }),
      guard: false,
    })
    const source = memory()
    const config = await definition.load({ sources: [source], logger: false })
    source.set(value as object)
    expect(config.status.rejected?.issues[0]?.message ?? 'nested').toMatch(/nested|itself|parts/)
    await config.close()
  }
})

test.each(Object.entries(endless))('%s: made by the schema itself', (_name, make) => {
  for (const made of [make, () => [make()], () => ({ it: make() })]) {
    const schema = z.object({ it: z.string().transform(made).optional(), other: z.string().optional() })
    const { patch } = staged(schema)
    const outcome = patch(0, { it: 'x' })
    expect(outcome).toMatchObject({
      type: 'rejected',
      issues: [{ pathText: 'it', message: expect.stringMatching(/levels deep|itself|parts/) }],
    })
    expect(patch(0, { it: undefined }).type).toBe('accepted')
  }
})

test('what is wrong far inside an intersection that both sides come back to is listed once', () => {
  const node: z.ZodType = z.lazy(() => whole)
  const whole = z.intersection(
    z.object({ word: z.string(), next: node.optional() }),
    z.object({ next: node.optional() }),
  )
  const { patch } = staged(z.object({ it: node.optional() }))
  const keys = Array.from({ length: 41 }, (_, level) => `it/${'next/'.repeat(level)}word`)
  const tree = Object.fromEntries(keys.map((key) => [key, 'x']))
  expect(patch(0, tree).type).toBe('accepted')
  const path = ['it', ...Array<string>(41).fill('next'), 'word']
  expect(patch(0, { [`it/${'next/'.repeat(41)}other`]: 'x' })).toMatchObject({
    type: 'rejected',
    issues: [{ path }],
  })
  expect(patch(0, { [`it/${'next/'.repeat(41)}word`]: 'x' }).type).toBe('accepted')
})

/** Both readers of a place lead to it again, so that zod validates each level twice as often as the one above. */
const readTwice: Readonly<Record<string, (self: z.ZodType) => z.ZodType>> = {
  'two steps of a pipe': (self) =>
    z.object({ next: self.optional() }).pipe(z.object({ next: self.optional() })),
  'a step before and one after a transform': (self) =>
    z
      .object({ next: self.optional() })
      .transform((value) => value)
      .pipe(z.object({ next: self.optional() })),
  'a codec': (self) =>
    z.codec(z.object({ next: self.optional() }), z.object({ next: self.optional() }), {
      decode: (value) => value,
      encode: (value) => value,
    }),
  'a pipe between others': (self) =>
    z
      .object({ next: z.unknown().optional() })
      .pipe(
        z.union([
          z.object({ next: self.optional() }).pipe(z.object({ next: z.lazy(() => self).optional() })),
          z.never(),
        ]),
      ),
  'a pipe in a list': (self) =>
    z.object({ next: z.array(self).optional() }).pipe(z.object({ next: z.array(self).optional() })),
  'a pipe in a record': (self) =>
    z.record(z.string(), self).pipe(z.record(z.string(), z.union([self, z.never()]))),
}

describe('a recursive schema that reads each level more than once', () => {
  const nested = (levels: number, inList: boolean) =>
    `${(inList ? '{"next":[' : '{"next":').repeat(levels)}{}${(inList ? ']}' : '}').repeat(levels)}`

  test.each(Object.entries(readTwice))('%s: few levels are valid, many are refused at once', (name, make) => {
    const self: z.ZodType = z.lazy(() => whole)
    const whole = make(self)
    const { patch } = staged(z.object({ it: self.optional() }))
    const inList = name.endsWith('list')
    expect(patch(0, { it: nested(4, inList) }).type).toBe('accepted')
    expect(patch(0, { it: nested(45, inList) })).toMatchObject({
      type: 'rejected',
      issues: [{ pathText: 'it', code: 'schema_error', message: expect.stringContaining('Nested too deep') }],
    })
    expect(patch(0, { it: undefined }).type).toBe('accepted')
  })

  test('a union of zod/mini, which does not remember what it has validated', () => {
    const self: mini.ZodMiniType = mini.lazy(() => whole)
    const options = (inner: mini.ZodMiniType) =>
      [
        mini.object({ op: mini.literal('and'), next: mini.optional(inner) }),
        mini.object({ op: mini.literal('or'), next: mini.optional(inner) }),
      ] as const
    const whole = mini.union(options(self))
    const chosen: mini.ZodMiniType = mini.lazy(() => mini.discriminatedUnion('op', options(chosen)))
    const { patch } = staged(mini.object({ it: mini.optional(self), other: mini.optional(chosen) }))
    const text = (levels: number) => `${'{"op":"or","next":'.repeat(levels)}{"op":"or"}${'}'.repeat(levels)}`
    expect(patch(0, { it: text(5), other: text(60) }).type).toBe('accepted')
    expect(patch(0, { it: text(60) })).toMatchObject({
      type: 'rejected',
      issues: [{ pathText: 'it', message: expect.stringContaining('z.discriminatedUnion()') }],
    })
  })
})
