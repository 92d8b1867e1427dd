import { createAdmin, type Plan } from '@livetree/admin'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import fc from 'fast-check'
import { defineConfig } from 'livetree'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { propertyRuns } from './property-runs.ts'

/** Each case writes two trees and changes one of them three times. */
const RUNS = propertyRuns(1 / 4, 0.12)

const text = z.string()
const object = z.object({ foo: text.optional(), bar: text.optional() })
/** What may be a list, and may be an object with names. */
const UNIONS = {
  'list or record': z.union([z.array(text), z.record(text, text)]),
  'record or list': z.union([z.record(text, text), z.array(text)]),
  'set or record': z.union([z.set(text), z.record(text, text)]),
  'list or map': z.union([z.array(text), z.map(text, text)]),
  'object or list': z.union([object, z.array(text)]),
  'list or anything': z.union([z.array(text), z.any()]),
  json: z.json(),
  'record of lists or records': z.record(text, z.union([z.array(text), z.record(text, text)])),
} as const

const REMOVE = 'livetree:remove'
type Content =
  | { readonly type: 'keys' | 'object'; readonly parts: Readonly<Record<string, string>> }
  | { readonly type: 'list'; readonly items: readonly string[] }

const NAMES = ['foo', 'bar']
/** Of a document whose names are numbers, an import makes keys, which are read as a list. */
const nameIn = { object: fc.constantFrom(...NAMES), keys: fc.constantFrom(...NAMES, '0', '1', '7') }
const word = fc.constantFrom('a', 'b', REMOVE)

function contentOf(value: fc.Arbitrary<string>): fc.Arbitrary<Content> {
  const named = (type: 'keys' | 'object') =>
    fc.record({
      type: fc.constant(type),
      parts: fc.dictionary(nameIn[type], value, { minKeys: 1, maxKeys: 3 }),
    })
  return fc.oneof(
    named('keys'),
    named('object'),
    fc.record({ type: fc.constant('list' as const), items: fc.array(value, { minLength: 1, maxLength: 3 }) }),
  )
}

/** The keys of what a layer has at `d`, or at `d.r` where the union is inside. */
function keysOf(content: Content, at: string): readonly (readonly [key: string, text: string])[] {
  if (content.type === 'list') return [[at, JSON.stringify(content.items)]]
  if (content.type === 'object') return [[at, JSON.stringify(content.parts)]]
  return Object.entries(content.parts).map(([each, part]) => [`${at}/${each}`, part])
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

const arbitraryCase = fc.record({
  kind: fc.constantFrom(...(Object.keys(UNIONS) as (keyof typeof UNIONS)[])),
  base: contentOf(fc.constantFrom('a', 'b')),
  mid: contentOf(word),
  /** What the other tree has in the layer that is written. */
  other: contentOf(fc.constantFrom('x', 'y')),
  choice: fc.nat(2),
})

async function adminOf(kind: keyof typeof UNIONS, layers: Readonly<Record<string, Content>>) {
  const root = `/config/case-${cases++}`
  const definition = defineConfig({
    name: 'x',
    schema: z.object({ d: UNIONS[kind].optional() }),
    guard: false,
  })
  const at = kind.startsWith('record of') ? 'd/r' : 'd'
  for (const [layer, content] of Object.entries(layers))
    for (const [key, part] of keysOf(content, `${root}/${layer}/${at}`)) await client.kv.put(key, part)
  return {
    admin: createAdmin(definition, { store: { client, root, overlays: ['base', 'mid'] } }),
    place: at.replace('/', '.'),
    keys: async () => {
      const { entries } = await client.kv.getRange({ prefix: `${root}/mid/` })
      return Object.fromEntries(entries.map(({ key, text: stored }) => [key.slice(root.length), stored]))
    },
  }
}

type Opened = Awaited<ReturnType<typeof adminOf>>

/** Only a document says that there is an object of which every name is removed, and an import makes keys of it. */
function isOnlyObject(mid: Content): boolean {
  return mid.type === 'object' && Object.values(mid.parts).every((part) => part === REMOVE)
}

function hasNumbers(content: Content): boolean {
  return content.type === 'keys' && Object.keys(content.parts).some((each) => !NAMES.includes(each))
}

/** The value, or the paths of what is wrong with it; an object that has nothing is none. */
async function readValue({ admin }: Opened): Promise<unknown> {
  const tree = await admin.read()
  if (!tree.isValid) return tree.issues.map(({ pathText }) => pathText)
  const { d } = tree.value
  if (d instanceof Map || d instanceof Set || Array.isArray(d) || typeof d !== 'object') return d
  const parts = Object.entries(d ?? {}).filter(([, part]) => JSON.stringify(part) !== '{}')
  return parts.length === 0 ? undefined : Object.fromEntries(parts)
}

/** A word in a list that is one is text, which no key holds. */
function isTextInList({ mid }: { readonly mid: Content }): boolean {
  return mid.type === 'list' && mid.items.includes(REMOVE)
}

async function isRefused(change: Promise<unknown>): Promise<boolean> {
  try {
    await change
    return false
  } catch (error) {
    expect(error).toMatchObject({ code: 'unwritable_value' })
    return true
  }
}

/** Undefined where the plan is refused since the schema does not know a name: of the object that a layer and those below it have together. */
function unlessUnknown(planned: Promise<Plan>): Promise<Plan | undefined> {
  return planned.catch((error: { readonly code: string; readonly message: string }) => {
    if (error.code === 'invalid_path' && error.message.includes('does not know')) return undefined
    throw error
  })
}

const options = { numRuns: RUNS }

test(`a removal by name is carried to another tree, where a list may stand too (${RUNS} cases)`, async () => {
  let words = 0
  const property = fc.asyncProperty(arbitraryCase, async ({ kind, base, mid, other }) => {
    if (isOnlyObject(mid)) return
    const source = await adminOf(kind, { base, mid })
    await using _ = source.admin
    const value = await readValue(source)
    const stored = await source.keys()
    if (JSON.stringify(stored).includes(REMOVE)) words++
    const exported = await source.admin.export({ overlay: 'mid' })
    const again = await source.admin.import(exported.text, { overlay: 'mid' })
    expect(again.changes.map(({ key }) => key)).toEqual([])
    for (const way of ['import', 'promote'] as const) {
      const target = await adminOf(kind, { base })
      await using __ = target.admin
      const plan =
        way === 'import'
          ? await target.admin.import(exported.text, { overlay: 'mid' })
          : await unlessUnknown(
              target.admin.promote({ from: { text: exported.text }, only: [target.place], overlay: 'mid' }),
            )
      if (plan === undefined) return
      await plan.apply({ force: true, allowRemoval: true })
      expect(await readValue(target)).toEqual(value)
    }
    // Of numbers alone, one layer does not say whether they are a list's: it keeps them for a list.
    if (mid.type === 'list' && hasNumbers(other)) return
    const target = await adminOf(kind, { base, mid: other })
    await using __ = target.admin
    let isUnknown = false
    const refused = await isRefused(
      unlessUnknown(
        target.admin.promote({ from: { text: exported.text }, only: [target.place], overlay: 'mid' }),
      ).then((plan) => {
        isUnknown = plan === undefined
        return plan?.apply({ force: true, allowRemoval: true })
      }),
    )
    if (isUnknown) return
    if (refused) expect(isTextInList({ mid })).toBe(true)
    else expect(await readValue(target)).toEqual(value)
  })
  await fc.assert(property, options)
  expect(words).toBeGreaterThan(RUNS / 10)
})

test(`one name is promoted as if its key was written by hand (${RUNS} cases)`, async () => {
  const property = fc.asyncProperty(arbitraryCase, async ({ kind, base, mid, other, choice }) => {
    if (mid.type === 'list' || other.type === 'list') return
    const names = Object.keys(mid.parts).filter((each) => !/^\d+$/.test(each))
    // There the text of a document is one value.
    if (kind === 'list or anything' && mid.type === 'object') return
    // A list has no names.
    if (kind === 'json' && hasNumbers(mid) && !names.some((each) => mid.parts[each] !== REMOVE)) return
    const chosen = names[choice % names.length]
    if (chosen === undefined) return
    const source = await adminOf(kind, { base, mid })
    await using _ = source.admin
    const target = await adminOf(kind, { base, mid: other })
    await using __ = target.admin
    const parts = { ...other.parts, [chosen]: mid.parts[chosen] ?? '' }
    const model = await adminOf(kind, { base, mid: { ...other, parts } })
    await using ___ = model.admin
    const { text: side } = await source.admin.export({ overlay: 'mid' })
    const plan = await target.admin.promote({
      from: { text: side },
      only: [`${target.place}.${chosen}`],
      overlay: 'mid',
    })
    await plan.apply({ force: true, allowRemoval: true })
    expect(await readValue(target)).toEqual(await readValue(model))
  })
  await fc.assert(property, options)
})
