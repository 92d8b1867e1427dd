import { type Admin, createAdmin } from '@livetree/admin'
import { defineConfig, keyring, secret } from 'livetree'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore, encrypted } from './embedded-store.ts'

/** What somebody who has no key wrote into the store. */
const FOREIGN = 'FOREIGNTXT'
const ENVELOPE = 'livetree:encrypted:'
const store = embeddedStore()
let count = 0

const text = z.string().optional()
const json = (value: unknown) => JSON.stringify(value)

type Schemas = { readonly a: z.ZodType; readonly b: z.ZodType }

/** A shared layer at the places `a` and `b`, which have another part of the schema each. */
async function worldOf(
  { a, b }: Schemas,
  keys: Readonly<Record<string, string>>,
  at: readonly string[] = ['a', 'b'],
  naming: 'exact' | 'kebab-case' = 'exact',
) {
  const prefix = `/places/${++count}/sh`
  for (const [key, value] of Object.entries(keys)) await store.client.kv.put(`${prefix}/${key}`, value)
  const definition = defineConfig({ name: 'places', schema: z.object({ a, b }), naming, guard: false })
  const admin = createAdmin(definition, {
    store: { endpoints: store.endpoint, layers: [{ prefix, at }] },
    keys: keyring({ current: { id: 'k1', key: Buffer.alloc(32, 1) } }),
  }) as Admin<unknown>
  const stored = async () => {
    const { entries } = await store.client.kv.getRange({ prefix: `${prefix}/` })
    return Object.fromEntries(entries.map((entry) => [entry.key.slice(prefix.length + 1), entry.text]))
  }
  return { admin, prefix, stored }
}

const item = (fields: object) => z.object({ ...fields, h: text })
const partOf = (fields: object) =>
  z
    .object({
      it: z.array(item(fields)).optional(),
      o: item(fields).optional(),
      r: z.record(z.string(), item(fields)).optional(),
    })
    .optional()
const ofB = partOf({ pw: encrypted(z.string()).optional() })
const NOT_KNOWN = z.object({ q: text }).optional()

describe.each<[name: string, schemas: Schemas]>([
  ['the second place alone knows', { a: NOT_KNOWN, b: ofB }],
  ['the first place alone knows', { a: ofB, b: NOT_KNOWN }],
  ['the first place does not have the secret of', { a: partOf({}), b: ofB }],
  ['the first place has plain text for', { a: partOf({ pw: text }), b: ofB }],
  ['the second place has plain text for', { a: ofB, b: partOf({ pw: text }) }],
  ['the first place has a quoted text for', { a: z.object({ it: text, o: text }).optional(), b: ofB }],
])('an edit beside plain text leaves it where %s it', (_, schemas) => {
  const plain = { pw: FOREIGN, h: 'EDITME' }
  test.each<[form: string, keys: Readonly<Record<string, string>>]>([
    ['a list in the document of the layer', { '': json({ it: [plain] }) }],
    ['a list in a document', { it: json([plain]) }],
    ['JSON as text in a document', { '': json({ it: json([plain]) }) }],
    ['an item of keys', { 'it/3/pw': FOREIGN, 'it/3/h': 'EDITME' }],
    ['an object', { o: json(plain) }],
  ])('%s', async (_, keys) => {
    const { admin, prefix, stored } = await worldOf(schemas, keys)
    await using _admin = admin
    const { text: before } = await admin.export({ layer: prefix, format: 'json', reveal: true })
    const edited = before.replace('EDITME', 'EDITED')
    expect(edited).not.toBe(before)
    const plan = await admin.change().setEdited(before, edited).plan()
    await plan.apply({ force: true })
    const after = json(await stored())
    expect(after).toContain('EDITED')
    expect(after).toContain(FOREIGN)
    expect(after).not.toContain(ENVELOPE)
  })
})

/** What the second place alone knows, in each form that a layer may have it in. */
const forms: readonly (readonly [name: string, keys: Readonly<Record<string, string>>, value: object])[] = [
  ['a list in a document', { l: '[1,2]' }, { l: [1, 2] }],
  ['a list of keys', { 'l/2': '1', 'l/7': '2' }, { l: [1, 2] }],
  ['an object', { o: json({ camelName: 'c', h: 'x' }) }, { o: { camelName: 'c', h: 'x' } }],
  ['a list of objects', { it: json([{ h: 'x' }]) }, { it: [{ h: 'x' }] }],
  ['an item that a word removes', { 'it/0/h': 'livetree:remove', 'it/1/h': 'x' }, { it: [{ h: 'x' }] }],
  [
    'a word in an item',
    { 'it/0': json({ h: 'x', k: 'livetree:remove' }), 'it/1/h': 'y' },
    { it: [{ h: 'x' }, { h: 'y' }] },
  ],
  ['a text in an object that both know', { 'both/t': '{}' }, { both: { t: '{}' } }],
  ['a list in an object that both know', { 'both/l/1': '1', 'both/l/5': '2' }, { both: { l: [1, 2] } }],
]

describe.each<[name: string, at: readonly string[]]>([
  ['the second place', ['a', 'b']],
  ['the first place', ['b', 'a']],
])('what %s alone knows', (_, at) => {
  const schemas = {
    a: z.object({ host: text, both: z.object({ h: text }).optional() }).optional(),
    b: z
      .object({
        l: z.array(z.number()).optional(),
        o: z.object({ camelName: text, h: text }).optional(),
        it: z.array(z.object({ h: text, k: text })).optional(),
        both: z.object({ h: text, t: text, l: z.array(z.number()).optional() }).optional(),
      })
      .optional(),
  }
  const servedOf = async (admin: Admin<unknown>) => ((await admin.read()).value as { b?: unknown }).b

  test.each(forms)('is exported, imported and compared as elsewhere: %s', async (_, keys, value) => {
    const { admin, prefix, stored } = await worldOf(schemas, keys, at)
    await using _admin = admin
    const exported = await admin.export({ layer: prefix, format: 'json', reveal: true })
    expect(exported.text).not.toContain('livetree:')
    const again = await admin.import(exported.text, { layer: prefix })
    expect(again.changes.map(({ key }) => key)).toEqual([])
    expect(await admin.diff({ layer: prefix }, { text: exported.text })).toEqual([])
    expect((await admin.change().setEdited(exported.text, exported.text).plan()).isEmpty).toBe(true)
    const other = await worldOf(schemas, {}, at)
    await using _other = other.admin
    await (await other.admin.import(exported.text, { layer: other.prefix })).apply()
    expect(await servedOf(other.admin)).toEqual(value)
    const added = await other.admin.diff({ layer: other.prefix }, { text: '{}' })
    expect(added.every(({ path }) => path[0] === 'b')).toBe(true)
    const plan = await admin.change().setEdited(exported.text, '{}').plan()
    expect(plan.changes.map(({ path }) => path[0])).toEqual(plan.changes.map(() => 'b'))
    await plan.apply()
    expect(await stored()).toEqual({})
  })

  test('is left out by the name that it has, where it may be secret', async () => {
    const of = (it: object) => z.object({ host: text, ...it }).optional()
    const secretItem = z.array(z.object({ pw: secret(z.string()).optional() })).optional()
    const keys = { it: json([{ pw: 'PW' }]) }
    const { admin, prefix } = await worldOf({ a: of({}), b: of({ it: secretItem }) }, keys, at)
    await using _ = admin
    expect((await admin.export({ layer: prefix })).omitted).toEqual(['b.it'])
    const differences = await admin.diff({ layer: prefix }, { text: '{}' })
    expect(differences.map(({ pathText, previous }) => [pathText, previous])).toEqual([
      ['b.it.0.pw', '[secret]'],
    ])
  })

  test('is edited at the place that somebody names', async () => {
    const { admin, prefix, stored } = await worldOf(schemas, { 'l/2': '1', 'l/7': '2', host: 'x' }, at)
    await using _ = admin
    const { text: before } = await admin.export({ layer: prefix, format: 'json', reveal: true })
    const after = before.replace('"7": 2', '"7": 3').replace('"x"', '"y"')
    await (await admin.change().setEdited(before, after, 'b.l.1').plan()).apply()
    expect(await stored()).toEqual({ 'l/2': '1', 'l/7': '3', host: 'x' })
  })
})

test('a comparison shows nothing that another place of the layer has as a secret', async () => {
  const schemas = {
    a: z.object({ pw: text }).optional(),
    b: z.object({ pw: secret(z.string()).optional() }).optional(),
  }
  const { admin, prefix } = await worldOf(schemas, { pw: 'PW' })
  await using _ = admin
  const differences = await admin.diff({ layer: prefix }, { text: 'pw: OTHER\n' })
  expect(differences).toHaveLength(1)
  expect(json(differences)).not.toMatch(/PW|OTHER/)
})

// Where no place of a layer knows a key, its text is that of a key, whatever it looks like.
test('JSON that no place knows is exported as the text that it is', async () => {
  const { admin, prefix } = await worldOf({ a: NOT_KNOWN, b: NOT_KNOWN }, { x: '[1, 2]' })
  await using _ = admin
  const { text: exported } = await admin.export({ layer: prefix, reveal: true, format: 'json' })
  expect(JSON.parse(exported)).toEqual({ x: '[1, 2]' })
  expect((await admin.import(exported, { layer: prefix })).isEmpty).toBe(true)
})

test.each(['kebab', 'camel'])('names are those of the schema at any place, written as %s', async (form) => {
  const name = form === 'kebab' ? 'pass-word' : 'passWord'
  const secretItem = z.object({ passWord: encrypted(z.string()).optional(), h: text })
  const schemas = { a: NOT_KNOWN, b: z.object({ it: z.array(secretItem).optional() }).optional() }
  const keys = { it: json([{ [name]: FOREIGN, h: 'EDITME' }]) }
  const { admin, prefix, stored } = await worldOf(schemas, keys, ['a', 'b'], 'kebab-case')
  await using _ = admin
  const { text: before, plaintext } = await admin.export({ layer: prefix, format: 'json', reveal: true })
  expect(plaintext).toEqual([['it', '0', name]])
  const plan = await admin.change().setEdited(before, before.replace('EDITME', 'EDITED')).plan()
  await plan.apply({ force: true })
  expect(await stored()).toEqual({ it: json([{ 'pass-word': FOREIGN, h: 'EDITED' }]) })
})

test('variables have the names of the place that knows a key', async () => {
  const schemas = { a: NOT_KNOWN, b: z.object({ l: z.array(z.number()).optional(), h: text }).optional() }
  const keys = { l: '[1,2]', h: 'x', q: 'y' }
  const { admin, prefix } = await worldOf(schemas, keys)
  await using _ = admin
  const { text: lines } = await admin.export({ layer: prefix, format: 'dotenv', reveal: true })
  expect(lines).toMatch(/^B__H=x$/m)
  expect(lines).toMatch(/^A__Q=y$/m)
  expect((await admin.import(lines, { layer: prefix, format: 'dotenv' })).isEmpty).toBe(true)
})
