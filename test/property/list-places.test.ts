import { createAdmin } from '@livetree/admin'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import fc from 'fast-check'
import { defineConfig } from 'livetree'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { propertyRuns } from './property-runs.ts'

/** Each case writes a list twice and changes it once. */
const RUNS = propertyRuns(1 / 2, 0.15)
const options = { numRuns: RUNS }

const schema = z.object({
  l: z.array(z.object({ h: z.string().optional(), g: z.string().optional() })).optional(),
})
type Item = { h?: string; g?: string }

const word = fc.constantFrom('a', 'b', 'c', 'd')
const item = fc.oneof(fc.record({ h: word }), fc.record({ g: word }), fc.record({ h: word, g: word }))
const list: fc.Arbitrary<Item[]> = fc.array(item, { maxLength: 4 })

/** How a list is stored: one document, or keys with these numbers, which have gaps, and of each item keys or a document. */
interface Form {
  readonly isDocument: boolean
  readonly gaps: readonly number[]
  readonly areDocuments: readonly boolean[]
}
const four = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 4, maxLength: 4 })
const form: fc.Arbitrary<Form> = fc.record({
  isDocument: fc.boolean(),
  gaps: four(fc.integer({ min: 0, max: 4 })),
  areDocuments: four(fc.boolean()),
})

function keysOf(items: readonly Item[], { isDocument, gaps, areDocuments }: Form): Record<string, string> {
  if (items.length === 0) return {}
  if (isDocument) return { l: JSON.stringify(items) }
  let number = -1
  const keys = items.flatMap((each, index) => {
    number += 1 + (gaps[index] ?? 0)
    if (areDocuments[index] === true) return [[`l/${number}`, JSON.stringify(each)]]
    return Object.entries(each).map(([name, text]) => [`l/${number}/${name}`, text])
  })
  return Object.fromEntries(keys) as Record<string, string>
}

let client: EtcdClient
let cases = 0

beforeAll(async () => {
  const server = await startEmbeddedEtcd()
  client = createEtcdClient({ endpoints: [server.endpoint] })
  afterAll(async () => {
    await client.close()
    await server.close()
  })
})

function opened() {
  const root = `/config/places-${cases++}`
  const admin = createAdmin(defineConfig({ name: 'x', schema, guard: false }), {
    store: { client, root, overlays: ['base', 'prod'] },
  })
  /** Makes a layer hold these keys and no others; what it holds already is not written again. */
  const hold = async (layer: string, keys: Readonly<Record<string, string>>) => {
    const prefix = `${root}/${layer}/`
    const { entries } = await client.kv.getRange({ prefix })
    const held = new Map(entries.map(({ key, text }) => [key.slice(prefix.length), text]))
    for (const key of held.keys()) if (!(key in keys)) await client.kv.delete(prefix + key)
    for (const [key, text] of Object.entries(keys))
      if (held.get(key) !== text) await client.kv.put(prefix + key, text)
  }
  const value = async () => (await admin.read()).value.l ?? []
  return { admin, root, hold, value }
}

/** The places that are named, and what they are to hold; the list is one as long as there are no holes. */
function withPlaces(
  now: readonly Item[],
  from: readonly Item[],
  places: readonly number[],
): Item[] | undefined {
  const result = [...now]
  for (const place of places.toSorted((a, b) => a - b)) {
    const part = from[place]
    if (part !== undefined && place > result.length) return undefined
    if (part !== undefined) result[place] = part
  }
  for (const place of places.toSorted((a, b) => b - a))
    if (from[place] === undefined && place < result.length) result.splice(place, 1)
  return result
}

const places = fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 3 })

test(`a rollback restores the items that stand at the places which are named (${RUNS} cases)`, async () => {
  let restored = 0
  const property = fc.asyncProperty(
    list,
    list,
    form,
    fc.option(form),
    places,
    async (then, now, formThen, formNow, only) => {
      const { admin, root, hold, value } = opened()
      await using _ = admin
      await hold('prod', keysOf(then, formThen))
      const { revision: to } = await admin.read()
      if (to < 1) return
      await hold('prod', keysOf(now, formNow ?? formThen))
      const expected = withPlaces(now, then, only)
      const paths = only.map((place) => `l.${place}`)
      const stays = await value()
      const before = await client.kv.getRange({ prefix: `${root}/prod/` })
      const outcome = await admin.rollback({ to, only: paths }).then(
        (plan) => plan.apply({ allowRemoval: true, force: true }),
        (error: unknown) => ({ error }),
      )
      if ('error' in outcome) {
        expect(outcome.error).toMatchObject({ code: 'invalid_path' })
        const after = await client.kv.getRange({ prefix: `${root}/prod/` })
        expect(after.entries.map(({ key, text }) => [key, text])).toEqual(
          before.entries.map(({ key, text }) => [key, text]),
        )
        // One form, in which each item has kept its key, is no reason to refuse; of a document that is gone no part comes back.
        if (formNow === null && (!formThen.isDocument || now.length > 0)) expect(expected).toBeUndefined()
        return
      }
      expect(await value()).toEqual(expected)
      if (JSON.stringify(stays) !== JSON.stringify(expected)) restored++
    },
  )
  await fc.assert(property, options)
  expect(restored).toBeGreaterThan(RUNS / 10)
})

test(`a promotion of items leaves all others where they are (${RUNS} cases)`, async () => {
  const property = fc.asyncProperty(
    list,
    list,
    form,
    form,
    places,
    async (from, now, formFrom, formNow, only) => {
      const { admin, hold, value } = opened()
      await using _ = admin
      const taken = only.filter((place) => place < from.length).sort((a, b) => a - b)
      const expected = withPlaces(now, from, taken)
      if (taken.length === 0 || now.length === 0 || expected === undefined) return
      await hold('base', keysOf(from, formFrom))
      await hold('prod', keysOf(now, formNow))
      const paths = taken.map((place) => `l.${place}`)
      const plan = await admin.promote({ from: { overlay: 'base' }, only: paths, overlay: 'prod' })
      await plan.apply({ allowRemoval: true })
      expect(await value()).toEqual(expected)
    },
  )
  await fc.assert(property, options)
})

test(`an export takes the place of a list that is a document, and of one in a document (${RUNS} cases)`, async () => {
  const ways = fc.constantFrom('import', 'promote')
  const property = fc.asyncProperty(
    list,
    list,
    form,
    fc.boolean(),
    ways,
    async (from, now, formFrom, isInside, way) => {
      if (from.length === 0) return
      const root = `/config/places-${cases++}`
      const inner = z.object({ l: schema.shape.l, k: z.string().optional() })
      const definition = defineConfig({ name: 'x', schema: z.object({ o: inner.optional() }), guard: false })
      await using admin = createAdmin(definition, { store: { client, root, overlays: ['base', 'prod'] } })
      for (const [key, text] of Object.entries(keysOf(from, formFrom)))
        await client.kv.put(`${root}/base/o/${key}`, text)
      const [key, held] = isInside ? ['o', { k: 'k', ...(now.length > 0 && { l: now }) }] : ['o/l', now]
      await client.kv.put(`${root}/prod/${key}`, JSON.stringify(held))
      const { text } = await admin.export({ overlay: 'base' })
      const plan =
        way === 'import'
          ? await admin.import(text, { overlay: 'prod' })
          : await admin.promote({ from: { overlay: 'base' }, only: ['o.l'], overlay: 'prod' })
      await plan.apply({ allowRemoval: true })
      expect((await admin.read()).value.o).toEqual({ l: from, ...(isInside && { k: 'k' }) })
    },
  )
  await fc.assert(property, options)
})
