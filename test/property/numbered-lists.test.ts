import { type Admin, createAdmin } from '@livetree/admin'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import fc from 'fast-check'
import { defineConfig, keyring, secret } from 'livetree'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import * as z from 'zod'
import { propertyRuns } from './property-runs.ts'

/** Each case writes a tree and changes it up to five times. */
const RUNS = propertyRuns(1 / 5, 0.3)

/** What a list is made of: in JSON, each value stands for itself. */
type Shape = { readonly items: Shape } | 'text' | 'object'
/** A field of the objects that is `open`, `secret`, or also `encrypted`; so is a text that stands in a list itself. */
type Cover = 'open' | 'secret' | 'encrypted'
type Json = string | { [name: string]: Json } | Json[]
type Names = readonly (string | number)[]

const REMOVE = 'livetree:remove'

const shapes: fc.Arbitrary<Shape> = fc.constantFrom<Shape>(
  'text',
  'object',
  'object',
  { items: 'text' },
  { items: 'object' },
)
const word = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')

function itemOf(shape: Shape): fc.Arbitrary<Json> {
  if (shape === 'text') return word
  if (shape === 'object')
    return fc.record({ p: word, h: word, g: word }, { requiredKeys: ['h'] }) as fc.Arbitrary<Json>
  return fc.array(itemOf(shape.items), { minLength: 1, maxLength: 3 })
}

function schemaOf(shape: Shape, cover: Cover): z.ZodType {
  const covered =
    cover === 'open' ? z.string() : secret(z.string(), cover === 'encrypted' ? { encrypted: true } : {})
  if (shape === 'text') return covered
  if (shape === 'object')
    return z.strictObject({ p: covered.optional(), h: z.string(), g: z.string().optional() })
  return z.array(schemaOf(shape.items, cover))
}

/** How the parts of a value are stored, drawn as it is walked: a number for each decision. */
class Draws {
  readonly #numbers: readonly number[]
  #at = 0

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers
  }

  below(count: number): number {
    return (this.#numbers[this.#at++ % this.#numbers.length] ?? 0) % count
  }
}

/** An object as a document of its key, in which words may say that it does not have what it does not have. */
function withWords(value: { [name: string]: Json }, draws: Draws): Json {
  const absent = ['p', 'g'].filter((name) => !(name in value) && draws.below(4) < 3)
  return { ...value, ...Object.fromEntries(absent.map((name) => [name, REMOVE])) }
}

/** The keys of a value below a key: as one document, or a key for each part; items go by numbers with gaps. */
function keysOf(value: Json, key: string, draws: Draws): readonly (readonly [key: string, text: string])[] {
  if (typeof value === 'string') return [[key, value]]
  if (draws.below(3) === 0 || Object.keys(value).length === 0)
    return [[key, JSON.stringify(Array.isArray(value) ? value : withWords(value, draws))]]
  if (!Array.isArray(value))
    return Object.entries(value).flatMap(([name, part]) => keysOf(part, `${key}/${name}`, draws))
  const hasGaps = draws.below(4) > 0
  let number = hasGaps ? draws.below(3) : 0
  return value.flatMap((item) => {
    const name = hasGaps && draws.below(4) === 0 ? `00${number}` : String(number)
    number += hasGaps ? 1 + draws.below(5) : 1
    return keysOf(item, `${key}/${name}`, draws)
  })
}

/** All paths of a list that are no absent field, its own left out. */
function pathsIn(value: Json, above: Names = []): readonly Names[] {
  if (typeof value === 'string') return []
  const parts = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return parts.flatMap(([name, part]) => [[...above, name], ...pathsIn(part, [...above, name])])
}

function partAt(value: Json, [name, ...below]: Names): Json {
  return name === undefined ? value : partAt((value as Record<string | number, Json>)[name] ?? '', below)
}

/** The value with another part; undefined removes it. */
function changed(value: Json, [name, ...below]: Names, part: Json | undefined): Json {
  if (name === undefined) return part ?? value
  const copy = structuredClone(value) as Record<string | number, Json>
  if (below.length > 0) copy[name] = changed(copy[name] ?? '', below, part)
  else if (part !== undefined) copy[name] = part
  else if (Array.isArray(copy)) copy.splice(Number(name), 1)
  else delete copy[name]
  return copy
}

/** The same path in a text of the layer, where a list may go by the names of its keys. */
function namesIn(text: Json, value: Json, [name, ...below]: Names): Names | undefined {
  if (name === undefined) return []
  // Of a list of which items are left out, the text does not say which item is which.
  if (Array.isArray(value) && Object.keys(text).length !== value.length) return undefined
  const isNamed = Array.isArray(value) && !Array.isArray(text)
  const named = isNamed ? Object.keys(text).sort((a, b) => Number(a) - Number(b))[Number(name)] : name
  const part = named === undefined ? undefined : (text as Record<string | number, Json>)[named]
  if (named === undefined || part === undefined) return undefined
  const rest = namesIn(part, partAt(value, [name]), below)
  return rest && [named, ...rest]
}

/** Another value of the same kind, which differs. */
function other(value: Json): Json {
  if (typeof value === 'string') return `${value}x`
  if (Array.isArray(value)) return value.length > 1 ? value.slice(1) : [...value, ...value]
  return { ...value, h: `${String(value.h)}x` }
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

const KEY = { id: 'k1', key: Buffer.alloc(32, 1) }

interface Case {
  readonly shape: Shape
  readonly cover: Cover
  readonly value: Json
  readonly numbers: readonly number[]
}

const arbitraryCase: fc.Arbitrary<Case> = shapes.chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    cover: fc.constantFrom<Cover>('open', 'secret', 'encrypted'),
    value: fc.array(itemOf(shape), { minLength: 1, maxLength: 4 }) as fc.Arbitrary<Json>,
    numbers: fc.array(fc.nat(59), { minLength: 8, maxLength: 24 }),
  }),
)

/** A tree that holds the list of a case, and what opens others of the same schema. */
async function stored({ shape, cover, value, numbers }: Case) {
  const schema = z.object({ l: z.array(schemaOf(shape, cover)).optional() })
  const open = (root: string, plaintext: 'accept' | 'reject' = 'reject') => {
    const definition = defineConfig({
      name: 'x',
      schema,
      guard: false,
      keys: () => keyring({ current: KEY, plaintext }),
    })
    return createAdmin(definition, { store: { client, root, overlays: ['base'] } })
  }
  const root = `/config/case-${cases++}`
  const keys = keysOf(value, `${root}/base/l`, new Draws(numbers))
  for (const [key, text] of keys) await client.kv.put(key, text)
  if (cover === 'encrypted') {
    await using accepting = open(root, 'accept')
    const { plan } = await accepting.rotateSecrets({ plaintext: 'encrypt' })
    if (!plan.isEmpty) await plan.apply()
  }
  const admin = open(root)
  expect(await listOf(admin)).toEqual(value)
  return { admin, open, hasWords: keys.some(([, text]) => text.includes(REMOVE)) }
}

async function listOf(admin: Admin<{ readonly l?: unknown }>): Promise<unknown> {
  return (await admin.read()).value.l
}

/** A place of a case's list, by which part of it an edit is of. */
function placeIn(value: Json, choice: number): Names {
  const paths = pathsIn(value)
  return paths[choice % paths.length] ?? []
}

const options = { numRuns: RUNS }

test(`a path is that of the value, however the layer has a list (${RUNS} cases)`, async () => {
  const edits = fc.array(fc.tuple(fc.constantFrom('set', 'text', 'unset', 'append'), fc.nat()), {
    minLength: 1,
    maxLength: 4,
  })
  const property = fc.asyncProperty(arbitraryCase, edits, async (given, steps) => {
    const { admin } = await stored(given)
    await using _ = admin
    let { value } = given
    let change = admin.change()
    for (const [kind, choice] of steps) {
      if (!Array.isArray(value) || value.length === 0) break
      const place = placeIn(value, choice)
      const part = partAt(value, place)
      const isItem = typeof place.at(-1) === 'number'
      if (kind === 'append') {
        const list = isItem ? place.slice(0, -1) : []
        const items = partAt(value, list) as Json[]
        const [item = ''] = items
        change = change.set(['l', ...list, items.length], item)
        value = changed(value, [...list, items.length], item)
      } else if (kind === 'unset' && place.at(-1) !== 'h' && !(isItem && place.length > 1)) {
        change = change.unset(['l', ...place])
        value = changed(value, place, undefined)
      } else if (kind === 'text' && typeof part === 'string') {
        change = change.setText(['l', ...place].join('.'), `${part}y`)
        value = changed(value, place, `${part}y`)
      } else {
        change = change.set(['l', ...place], other(part))
        value = changed(value, place, other(part))
      }
    }
    const plan = await change.plan()
    await plan.apply({ allowRemoval: true })
    const list = await listOf(admin)
    expect(list ?? []).toEqual(value)
  })
  await fc.assert(property, options)
})

test(`what is edited in a text of a layer changes that alone (${RUNS} cases)`, async () => {
  const edit = fc.tuple(fc.constantFrom('edited', 'import'), fc.nat(), fc.boolean(), fc.boolean())
  let edited = 0
  const property = fc.asyncProperty(arbitraryCase, edit, async (given, [way, choice, reveal, removes]) => {
    const { admin } = await stored(given)
    await using _ = admin
    const { value } = given
    const { text, omitted } = await admin.export({ overlay: 'base', reveal })
    const { l } = (parse(text) ?? {}) as { l?: Json }
    const place = placeIn(value, choice)
    const names = l === undefined ? undefined : namesIn(l, value, place)
    if (l === undefined || names === undefined) return
    const part = partAt(value, place)
    const shown = partAt(l, names)
    if (JSON.stringify(shown).includes('livetree:encrypted')) return
    const isItem = place.length === 1 && omitted.length === 0
    const isGone = removes && way === 'edited' && (place.at(-1) === 'g' || isItem)
    if (typeof shown !== 'string' && !isGone) return
    const after = changed(l, names, isGone ? undefined : other(shown))
    const expected = changed(value, place, isGone ? undefined : other(part))
    const written = stringify({ l: after })
    const plan =
      way === 'edited'
        ? await admin.change().setEdited(text, written).plan()
        : await admin.import(written, { overlay: 'base' })
    await plan.apply({ allowRemoval: true })
    expect((await listOf(admin)) ?? []).toEqual(expected)
    edited++
  })
  await fc.assert(property, options)
  expect(edited).toBeGreaterThan(RUNS / 4)
})

test(`an export is imported and promoted as the same list (${RUNS} cases)`, async () => {
  let words = 0
  const property = fc.asyncProperty(
    arbitraryCase,
    fc.boolean(),
    fc.boolean(),
    async (given, reveal, prune) => {
      const { admin, open, hasWords } = await stored(given)
      await using _ = admin
      if (hasWords) words++
      const exported = await admin.export({ overlay: 'base', reveal })
      // No text has the words of a list, which prune removes.
      if ((exported.omitted.length === 0 && !hasWords) || !prune) {
        const again = await admin.import(exported.text, { overlay: 'base', prune })
        expect(again.changes.map(({ key }) => key)).toEqual([])
      }
      const edited = await admin.change().setEdited(exported.text, exported.text).plan()
      expect(edited.isEmpty).toBe(true)
      if (exported.omitted.length > 0) return
      await using empty = open(`/config/case-${cases++}`)
      const plan = await empty.import(exported.text, { overlay: 'base' })
      await plan.apply()
      expect(await listOf(empty)).toEqual(given.value)
      await using other = open(`/config/case-${cases++}`)
      const promotion = await other.promote({ from: { text: exported.text }, only: ['l'], overlay: 'base' })
      await promotion.apply()
      expect(await listOf(other)).toEqual(given.value)
    },
  )
  await fc.assert(property, options)
  expect(words).toBeGreaterThan(0)
})
