import { type Admin, createAdmin } from '@livetree/admin'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import fc from 'fast-check'
import { defineConfig, keyring, secret } from 'livetree'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { expectShare } from '../support/expect-share.ts'
import { propertyRuns } from './property-runs.ts'

/** Each case writes two trees and reads each of them. */
const RUNS = propertyRuns(1, 0.2)

const text = z.string()
const object = z.object({ k: text.optional(), x: text.optional() })
/** Places that keys and documents are read at in their own ways. */
const KINDS = {
  json: z.json(),
  'record of json': z.record(text, z.json()),
  'object of json': z.object({ k: z.json().optional(), x: z.unknown() }),
  unknown: z.unknown(),
  any: z.any(),
  list: z.array(text),
  'list of lists': z.array(z.array(text)),
  'list of objects': z.array(object),
  'list of dates': z.array(z.coerce.date()),
  tuple: z.tuple([text, text.optional()]),
  'tuple with a rest': z.tuple([text], z.number()),
  set: z.set(text),
  map: z.map(text, text),
  'map of numbers': z.map(z.number(), z.number()),
  record: z.record(text, text),
  'record of lists': z.record(text, z.array(text)),
  object,
  'object of text or a list': z.object({ k: z.union([text, z.array(text)]).optional() }),
  'list or record': z.union([z.array(text), z.record(text, text)]),
  'record or list of objects': z.union([z.record(text, object), z.array(object)]),
  'text or list': z.union([text, z.array(text)]),
  'text or object': z.union([text, object]),
  'number or record': z.union([z.number(), z.record(text, text)]),
  'set or record': z.union([z.set(text), z.record(text, text)]),
  'json as text': text.transform((each): unknown => JSON.parse(each)),
  text,
} as const
type Kind = keyof typeof KINDS

const REMOVE = 'livetree:remove'
const NUMBERS = ['0', '1', '3', '9', '00', '007']
const name = fc.constantFrom('k', 'x', ...NUMBERS)
const path = fc.oneof(
  { weight: 4, arbitrary: name },
  { weight: 1, arbitrary: fc.tuple(name, name).map((both) => both.join('/')) },
)
const plain = fc.constantFrom('a', 'b', '1', 'true', 'null', '"q"')
const scalar = fc.oneof({ weight: 5, arbitrary: plain }, { weight: 1, arbitrary: fc.constant(REMOVE) })
const named = fc.dictionary(name, plain, { maxKeys: 2 })
const document = fc
  .oneof(
    fc.dictionary(name, fc.oneof(plain, named, fc.array(plain, { maxLength: 2 })), { maxKeys: 2 }),
    fc.array(fc.oneof(scalar, named), { maxLength: 2 }),
  )
  .map((value) => JSON.stringify(value))
/** Keys below `d`, with their texts; the empty one is `d` itself. */
type Content = Readonly<Record<string, string>>
const content: fc.Arbitrary<Content> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.dictionary(
      path,
      fc.oneof({ weight: 5, arbitrary: scalar }, { weight: 1, arbitrary: document }),
      {
        minKeys: 1,
        maxKeys: 3,
      },
    ),
  },
  { weight: 1, arbitrary: document.map((each) => ({ '': each })) },
)

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

async function adminOf(
  kind: Kind,
  layers: Readonly<Record<'base' | 'mid', Content>>,
): Promise<Admin<unknown>> {
  const root = `/config/case-${cases++}`
  for (const [layer, keys] of Object.entries(layers))
    for (const [key, stored] of Object.entries(keys))
      await client.kv.put(`${root}/${layer}/d${key === '' ? '' : `/${key}`}`, stored)
  const definition = defineConfig({
    name: 'x',
    schema: z.object({ d: KINDS[kind].optional() }),
    guard: false,
  })
  return createAdmin(definition, { store: { client, root, overlays: ['base', 'mid'] } }) as Admin<unknown>
}

/** The value; undefined for an invalid tree. */
async function servedBy(admin: Admin<unknown>): Promise<{ readonly value: unknown } | undefined> {
  const tree = await admin.read()
  return tree.isValid ? { value: tree.value } : undefined
}

/** Where a list may stand too, only a document says that there is an object: an import makes keys of it. */
function isObjectForList(kind: Kind, mid: Content): boolean {
  return /list or|or list|set or/.test(kind) && Object.values(mid).some((stored) => stored.startsWith('{'))
}

/** Of a list, only what it removes by the numbers of lower layers, which no file holds. */
function onlyRemoves(mid: Content): boolean {
  return Object.values(mid).every((stored) => stored === REMOVE)
}

const CODES = ['invalid_tree', 'invalid_path', 'invalid_value', 'unwritable_value', 'not_found']

test(`what a layer has is served as the same value elsewhere, or refused (${RUNS} cases)`, async () => {
  let taken = 0
  const property = fc.asyncProperty(
    fc.constantFrom(...(Object.keys(KINDS) as Kind[])),
    content,
    content,
    content,
    fc.constantFrom('import', 'promote', 'promote over'),
    async (kind, base, mid, other, way) => {
      if (isObjectForList(kind, mid) || onlyRemoves(mid)) return
      await using source = await adminOf(kind, { base, mid })
      const served = await servedBy(source)
      const exported = await source.export({ overlay: 'mid', reveal: true }).catch(() => undefined)
      if (served === undefined || exported === undefined) return
      await using target = await adminOf(kind, { base, mid: way === 'promote over' ? other : {} })
      const planned =
        way === 'import'
          ? target.import(exported.text, { overlay: 'mid' })
          : target.promote({ from: { text: exported.text }, only: ['d'], overlay: 'mid' })
      const refused = await planned
        .then((plan) => plan.apply({ allowRemoval: true }))
        .then(
          () => undefined,
          (error: unknown) => error,
        )
      if (refused === undefined) {
        expect(await servedBy(target)).toEqual(served)
        taken++
      } else expect(CODES).toContain((refused as { readonly code: unknown }).code)
    },
  )
  await fc.assert(property, { numRuns: RUNS })
  expectShare('taken', taken, { of: RUNS, typical: 0.4 })
})

test('encrypted items of `z.json()` are carried by the numbers of their keys, or refused', async () => {
  const schema = z.object({ d: secret(z.json(), { encrypted: true }).optional() })
  const definition = defineConfig({ name: 'x', schema, guard: false })
  const keys = keyring({ current: { id: 'k', key: Buffer.alloc(32, 1) }, plaintext: 'accept' })
  const open = (root: string) =>
    createAdmin(definition, { store: { client, root, overlays: ['base', 'mid'] }, keys })
  for (const [numbers, isTaken] of [
    [['0', '1'], true],
    [['3', '9'], false],
  ] as const) {
    await using source = open(`/config/case-${cases++}`)
    await using target = open(`/config/case-${cases++}`)
    const kvs = numbers.map((number, index) => ({
      key: Buffer.from(`/config/case-${cases - 2}/mid/d/${number}`).toString('base64'),
      value: Buffer.from(index === 0 ? 'a' : '{"x":"b"}').toString('base64'),
    }))
    await (await source.import(JSON.stringify({ kvs }), { overlay: 'mid', format: 'etcdctl' })).apply()
    expect((await source.read()).value).toEqual({ d: ['a', { x: 'b' }] })
    for (const reveal of [true, false]) {
      const exported = source.export({ overlay: 'mid', reveal })
      if (!isTaken) {
        await expect(exported).rejects.toMatchObject({ code: 'unwritable_value' })
        continue
      }
      const again = await source.import((await exported).text, { overlay: 'mid' })
      expect(again.changes.map(({ key }) => key)).toEqual([])
      if (!reveal) continue
      await (await target.import((await exported).text, { overlay: 'mid' })).apply()
      expect((await target.read()).value).toEqual({ d: ['a', { x: 'b' }] })
    }
  }
})

test.each([
  ['"q"', 'q'],
  ['{"x":"livetree:remove","y":"b"}', '{"y":"b"}'],
  ['5', '"5"'],
])('an item %s of a list becomes the promoted item %s', async (before, after) => {
  await using admin = await adminOf('list', { base: {}, mid: { 0: before, 1: 'b' } })
  const from = { text: JSON.stringify({ d: [after, 'b'] }) }
  await (await admin.promote({ from, only: ['d.0'], overlay: 'mid' })).apply()
  expect((await admin.read()).value).toEqual({ d: [after, 'b'] })
})

test.each<[kind: Kind, base: Content]>([
  ['json', { k: 'a' }],
  ['json', { '': '{"k":"a"}' }],
  ['set or record', { k: 'a' }],
  ['list or record', { k: 'a' }],
])('a list that is promoted to %s, where a lower layer has %j, stays a list', async (kind, base) => {
  await using admin = await adminOf(kind, { base, mid: { 0: 'a' } })
  await (await admin.promote({ from: { text: '{"d":["a"]}' }, only: ['d'], overlay: 'mid' })).apply()
  const tree = await admin.read()
  expect(tree.value).toEqual({ d: kind === 'set or record' ? new Set(['a']) : ['a'] })
})
