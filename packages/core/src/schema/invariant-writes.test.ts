import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { createTestConfig } from '../testing/create-test-config.ts'
import { type Complain, invariant } from './invariant.ts'
import { sealed } from './sealed.ts'
import { secret } from './secret.ts'

const part = z.object({
  n: z.number().default(0),
  list: z.array(z.number()).default([3, 1, 2]),
  deep: z.object({ q: z.number().default(1) }).default({ q: 1 }),
  any: z.any().default({ inner: [9, 8] }),
  map: z.map(z.string(), z.number()).default(new Map([['a', 1]])),
  set: z.set(z.number()).default(new Set([1])),
  date: z.date().default(new Date(0)),
  key: secret(z.string()).default('k'),
  holder: sealed(z.object({ l: z.array(z.number()) })).default({ l: [2, 1] } as never),
})
type Part = z.output<typeof part>
type Rule = (value: Part, complain: Complain) => void

const WRITES: Readonly<Record<string, (value: Part) => unknown>> = {
  'sets a property': (value) => Object.assign(value, { n: 99 }),
  'removes a property': (value) => Reflect.deleteProperty(value, 'n') || Object.assign(value, { n: 99 }),
  'sorts a list': (value) => value.list.sort(),
  'sets a property further down': (value) => Object.assign(value.deep, { q: 7 }),
  'writes below z.any()': (value) => (value.any as { inner: number[] }).inner.push(7),
  'sets an entry of a map': (value) => value.map.set('b', 2),
  'adds to a set': (value) => value.set.add(2),
  'sets a date': (value) => value.date.setTime(1),
  'writes into a holder': (value) => Object.assign(value.holder.reveal(), { l: [] }),
}

/** The places where a schema with a rule may stand: in some of them the value is put together by zod. */
const PLACES: Readonly<Record<string, (ruled: z.ZodType<Part>, given: object) => z.ZodType>> = {
  'a property': (ruled) => ruled,
  'an item of a list': (ruled) => z.array(ruled),
  'an item of a tuple': (ruled) => z.tuple([ruled]),
  'an entry of a record': (ruled) => z.record(z.string(), ruled),
  'a branch of a union': (ruled) => z.union([z.string(), ruled]),
  'a side of an intersection': (ruled) => z.intersection(ruled, z.object({ n: z.number().default(0) })),
  'a lazy schema': (ruled) => z.lazy(() => ruled),
  'a readonly schema': (ruled) => ruled.readonly(),
  'a schema with a transform': (ruled) => ruled.transform((value) => value),
  'a schema in a pipe': (ruled) => ruled.pipe(z.any()),
  'a schema with a refinement around it': (ruled) => z.object({ inner: ruled }).refine(() => true),
  'a schema with a prefault': (ruled, given) => ruled.prefault(given as never),
  'a schema with a catch': (ruled) => ruled.catch(() => part.parse({})),
}

/** A value of each place, given to the configuration, or nothing where the schema itself gives it. */
function givenAt(place: string): unknown {
  if (place.includes('list') || place.includes('tuple')) return [{}]
  if (place.includes('record')) return { key: {} }
  if (place.includes('prefault')) return undefined
  return place.includes('around') ? { inner: {} } : {}
}

const CASES = Object.entries(PLACES).flatMap(([place, at]) =>
  Object.entries(WRITES).map(([what, write]) => [what, place, at, write] as const),
)

test.each(CASES)('a rule that %s at %s is refused, and never writes', async (_, place, at, write) => {
  let isWriting = false
  let thrown: unknown
  const rule: Rule = (value) => {
    if (!isWriting) return
    try {
      write(value)
    } catch (error) {
      thrown = error
      throw error
    }
  }
  const fallback = { any: { inner: [9, 8] } }
  const schema = z.object({ p: at(invariant(part, rule) as never, fallback), other: z.number().default(0) })
  const definition = defineConfig({ name: 'shop', schema })
  const tree = { p: givenAt(place) }
  await using config = await createTestConfig(definition, tree as never)
  const before = contentOf(config.current)
  isWriting = true
  // A process that starts with such a rule does not serve either what it wrote.
  const started = await createTestConfig(definition, tree as never).then(
    async (other) => {
      await using served = other
      return contentOf(served.current)
    },
    () => before,
  )
  expect(thrown).toBeInstanceOf(TypeError)
  expect(started).toEqual(before)
  expect(fallback).toEqual({ any: { inner: [9, 8] } })
  expect(Object.isFrozen(fallback.any)).toBe(false)
  expect(contentOf(config.current)).toEqual(before)
})

/** What is served at this moment: a copy that no rule can write to. */
function contentOf(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner: unknown) =>
      inner instanceof Map || inner instanceof Set
        ? [...inner]
        : typeof inner === 'object' && inner !== null && 'reveal' in inner
          ? (inner as { reveal(): unknown }).reveal()
          : inner,
    ),
  )
}

test('a change beside an item whose rule looks at it leaves it as it was', async () => {
  const item = invariant(z.object({ a: z.number(), q: z.array(z.number()).default([2, 1]) }), () => {})
  const definition = defineConfig({ name: 'shop', schema: z.object({ l: z.array(item) }) })
  await using config = await createTestConfig(definition, { l: [{ a: 1 }, { a: 2 }] })
  const before = config.current.l
  config.set({ l: [{ a: 1 }, { a: 3 }] })
  expect(config.current.l[1]).toEqual({ a: 3, q: [2, 1] })
  expect(config.current.l[0]).toBe(before[0])
})
