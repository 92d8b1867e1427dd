import { createAdmin } from '@livetree/admin'
import { defineConfig, keyring, secret } from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore } from './embedded-store.ts'

const store = embeddedStore()
let count = 0

const schema = z.object({
  l: z.array(z.string()).optional(),
  o: z.array(z.object({ h: z.string(), g: z.string().optional() })).optional(),
  u: z.union([z.array(z.string()), z.record(z.string(), z.string())]).optional(),
  j: z.json().optional(),
})

/** An admin of two layers that hold these keys. */
async function filled(keys: Readonly<Record<string, string>>) {
  const root = `/config/${++count}`
  for (const [key, text] of Object.entries(keys)) await store.client.kv.put(`${root}/${key}`, text)
  const definition = defineConfig({ name: 'items', schema, guard: false })
  return createAdmin(definition, { store: { endpoints: store.endpoint, root, overlays: ['base', 'prod'] } })
}

const GAPS = { 'base/l/5': 'a', 'base/l/07': 'b' }

test('a promotion takes the item at a place, and puts it at that place', async () => {
  await using admin = await filled({ ...GAPS, 'prod/l/3': 'x', 'prod/l/9': 'y' })
  const from = { overlay: 'base' }
  await (await admin.promote({ from, only: ['l.1'], overlay: 'prod' })).apply()
  expect((await admin.read()).value).toEqual({ l: ['x', 'b'] })
  await (await admin.promote({ from, only: ['l'], overlay: 'prod' })).apply()
  expect((await admin.read()).value).toEqual({ l: ['a', 'b'] })
  expect(await admin.diff({ overlay: 'base' }, { overlay: 'prod' })).toEqual([])
})

test('lists are compared by the places of their items', async () => {
  await using admin = await filled(GAPS)
  const { text } = await admin.export({ overlay: 'base' })
  expect(text).toContain('"07": b')
  expect(await admin.diff({ overlay: 'base' }, { text })).toEqual([])
  expect(await admin.diff({ overlay: 'base' }, { text: 'l: [a, c]' })).toMatchObject([
    { type: 'changed', pathText: 'l.1', previous: 'b', next: 'c' },
  ])
})

test('an edit is that of the place which is named, by its index', async () => {
  await using admin = await filled({
    'base/o/4': '{"h":"a","g":"b"}',
    'base/o/6/h': 'c',
    'base/l': '["a","b"]',
  })
  const { text } = await admin.export({ overlay: 'base' })
  const edited = text.replace('h: a', 'h: x').replace('h: c', 'h: y')
  const change = admin.change({ overlay: 'base' })
  await (await change.setEdited(text, edited, (c) => c.o?.[1]).plan()).apply()
  expect((await admin.read()).value.o).toEqual([{ h: 'a', g: 'b' }, { h: 'y' }])
  const other = change.setEdited(text, text.replace('- b', '- z'), 'l.1')
  await expect(other.plan()).rejects.toMatchObject({ code: 'invalid_path' })
})

test('an edit of a part of what is written as a whole keeps the rest', async () => {
  await using admin = await filled({ 'base/j': '{"a":{"x":1,"y":2},"b":3}' })
  const { text } = await admin.export({ overlay: 'base' })
  await (await admin.change({ overlay: 'base' }).setEdited(text, text.replace('x: 1', 'x: 9')).plan()).apply()
  expect((await admin.read()).value.j).toEqual({ a: { x: 9, y: 2 }, b: 3 })
})

test('an index that names no item, or may be a name, is refused', async () => {
  await using admin = await filled({ ...GAPS, 'base/u/2': 'c' })
  const change = admin.change({ overlay: 'base' })
  for (const path of ['l.3', 'l.5', 'l.05', 'u.0', 'u.2'])
    await expect(change.set(path, 'z').plan()).rejects.toMatchObject({ code: 'invalid_path' })
  for (const path of ['l.2', 'l.5'])
    await expect(change.unset(path).plan()).rejects.toMatchObject({ code: 'not_found' })
  const named = await change.set('l.07', 'z').plan()
  expect(named.changes.map(({ key, after }) => [key.split('/').at(-1), after?.text])).toEqual([['07', 'z']])
})

test('variables name the keys of items', async () => {
  await using admin = await filled(GAPS)
  const { text } = await admin.export({ overlay: 'base', format: 'dotenv' })
  expect((await admin.import(text, { overlay: 'base', format: 'dotenv' })).isEmpty).toBe(true)
})

test('a rollback and the history take an index as the place of an item, whatever its key is called', async () => {
  await using admin = await filled({ 'base/l/1': 'a', 'base/l/7': 'b' })
  const { revision: to } = await admin.read()
  const change = admin.change({ overlay: 'base' }).set('l.0', 'x').set('l.1', 'y')
  await (await change.plan()).apply()
  await (await admin.rollback({ to, only: [(c) => c.l?.[1]] })).apply()
  expect((await admin.read()).value.l).toEqual(['x', 'b'])
  await (await admin.rollback({ to, only: ['l.0'] })).apply()
  expect((await admin.read()).value.l).toEqual(['a', 'b'])
  const kinds: string[] = []
  for await (const entry of admin.history({ path: (c) => c.l?.[1] }))
    if (entry.type === 'recorded') kinds.push(entry.kind)
  expect(kinds).toEqual(['rollback', 'rollback', 'change'])
})

test('a removal by name beside a list of the schema can be promoted, and removed beside another', async () => {
  await using admin = await filled({ 'base/u/foo': 'livetree:remove', 'prod/u/foo': 'a', 'prod/u/bar': 'b' })
  const from = { overlay: 'base' }
  await (await admin.promote({ from, only: ['u.foo', 'u.bar'], overlay: 'prod' })).apply()
  expect((await admin.read()).value.u ?? {}).toEqual({})
})

const text = z.string().optional()
const named = z.object({ h: text, g: text })

/** Documents under the number of an item, with words that hide lower layers there, as in any document. */
const WORDS: Readonly<Record<string, readonly [item: z.ZodType, document: object]>> = {
  'a name': [named, { h: 'livetree:remove', g: 'b' }],
  'all names': [named, { h: 'livetree:remove' }],
  'all names of an object inside': [z.object({ s: named.optional() }), { s: { h: 'livetree:remove' } }],
  'an object inside': [z.object({ s: named.optional() }), { s: 'livetree:empty' }],
  'a list inside': [z.object({ s: z.array(z.string()) }), { s: 'livetree:empty' }],
  'a text of a list inside': [z.object({ s: z.array(z.string()) }), { s: ['livetree:remove'] }],
  'what has no schema': [z.any(), { h: 'livetree:remove', g: 'b' }],
  'a part of what is encrypted': [
    secret(named, { encrypted: true }),
    { h: 'livetree:remove', g: 'livetree:empty' },
  ],
}

test.each(Object.entries(WORDS))('a word in the document of an item is no text: %s', async (_, given) => {
  const [item, document] = given
  const root = `/config/${++count}`
  const put = (key: string, value: string) => store.client.kv.put(`${root}/${key}`, value)
  const definition = defineConfig({ name: 'words', schema: z.object({ l: z.array(item) }), guard: false })
  await using admin = createAdmin(definition, {
    store: { endpoints: store.endpoint, root, overlays: ['base', 'prod'] },
    keys: keyring({ current: { id: 'k', key: Buffer.alloc(32, 1) }, plaintext: 'accept' }),
  })
  const served = async () => (await admin.export({ reveal: true, format: 'json' })).text
  await put('base/l/3', JSON.stringify(document))
  const value = await served()
  const { text: exported } = await admin.export({ overlay: 'base', reveal: true })
  for (const held of [undefined, '[{}]', '[]']) {
    await store.client.kv.deleteRange({ prefix: `${root}/prod/` })
    if (held !== undefined) await put('prod/l', held)
    await (await admin.promote({ from: { overlay: 'base' }, only: ['l'], overlay: 'prod' })).apply()
    expect(await served()).toBe(value)
  }
  await store.client.kv.deleteRange({ prefix: `${root}/prod/` })
  await (await admin.import(exported, { overlay: 'prod' })).apply()
  expect(await served()).toBe(value)
})

const EMPTIED: Readonly<Record<string, z.ZodType>> = {
  'an object': named,
  'a list': z.array(z.string()),
  'a list, or an object': z.union([z.array(z.string()), named]),
  'a text, or an object': z.union([z.string(), named]),
  anything: z.any(),
  JSON: z.json(),
}

test.each(Object.entries(EMPTIED))(
  'an item that hides lower layers is what it leaves: %s',
  async (_, item) => {
    const root = `/config/${++count}`
    const definition = defineConfig({ name: 'words', schema: z.object({ l: z.array(item) }), guard: false })
    await using admin = createAdmin(definition, {
      store: { endpoints: store.endpoint, root, overlays: ['base', 'prod'] },
    })
    await store.client.kv.put(`${root}/base/l/0`, 'livetree:empty')
    const { value } = await admin.read()
    const { text: exported } = await admin.export({ overlay: 'base' })
    await store.client.kv.delete(`${root}/base/l/0`)
    await (await admin.import(exported, { overlay: 'prod' })).apply()
    expect((await admin.read()).value).toEqual(value)
  },
)

const REMOVE = 'livetree:remove'
type Keys = Readonly<Record<string, string>>
/** What somebody deletes in a text, by the names that lead to it, what the store has, and what it has afterwards. */
const GONE: Readonly<Record<string, readonly [names: readonly string[], keys: Keys, left: Keys]>> = {
  'an item': [['l', '7'], { 'l/3/h': 'x', 'l/7': JSON.stringify({ h: 'a', g: REMOVE }) }, { 'l/3/h': 'x' }],
  'an item of keys': [['l', '7'], { 'l/3/h': 'x', 'l/7/h': 'a', 'l/7/g': REMOVE }, { 'l/3/h': 'x' }],
  'an item with an object of words': [
    ['l', '7'],
    { 'l/3/h': 'x', 'l/7': JSON.stringify({ h: 'a', s: { h: REMOVE } }) },
    { 'l/3/h': 'x' },
  ],
  'an object in an item': [
    ['l', '7', 's'],
    { 'l/7': JSON.stringify({ h: 'a', s: { h: 'a', g: REMOVE } }) },
    { 'l/7': '{"h":"a"}' },
  ],
  'an object of keys in an item': [
    ['l', '7', 's'],
    { 'l/7/h': 'a', 'l/7/s/h': 'a', 'l/7/s/g': REMOVE },
    { 'l/7/h': 'a' },
  ],
  'an entry of a record in an item': [
    ['l', '7', 'r', 'x'],
    { 'l/7/h': 'a', 'l/7/r': JSON.stringify({ x: { h: 'a', g: REMOVE }, y: { h: 'b' } }) },
    { 'l/7/h': 'a', 'l/7/r': '{"y":{"h":"b"}}' },
  ],
  'all items': [['l'], { 'l/3/g': REMOVE, 'l/7': JSON.stringify({ h: 'a', g: REMOVE }) }, {}],
  // Below no list a text has the words.
  'an entry of a record': [
    ['r', 'x'],
    { 'r/x': JSON.stringify({ h: 'a', g: REMOVE }), 'r/y/h': 'b' },
    { 'r/y/h': 'b' },
  ],
  // A text that leaves a secret out does not say that it is to go.
  'an item of which a secret is left out': [
    ['l', '7'],
    { 'l/3/h': 'x', 'l/7/h': 'a', 'l/7/g': REMOVE, 'l/7/pw': 'PW' },
    { 'l/3/h': 'x', 'l/7/g': REMOVE, 'l/7/pw': 'PW' },
  ],
  'an entry of a record of which the word of a secret is left out': [
    ['r', 'x'],
    { 'r/x/h': 'a', 'r/x/pw': REMOVE },
    { 'r/x/pw': REMOVE },
  ],
}

test.each(Object.entries(GONE))(
  'what is gone from an edited text is gone with the words that no text has: %s',
  async (_, [names, keys, left]) => {
    const root = `/config/${++count}`
    const named = z.strictObject({ h: text, g: text })
    const item = named.extend({
      s: named.optional(),
      r: z.record(z.string(), named).optional(),
      pw: secret(z.string()).optional(),
    })
    const schema = z.object({ l: z.array(item).optional(), r: z.record(z.string(), item).optional() })
    for (const [key, value] of Object.entries(keys)) await store.client.kv.put(`${root}/${key}`, value)
    const definition = defineConfig({ name: 'gone', schema, guard: false })
    await using admin = createAdmin(definition, { store: { endpoints: store.endpoint, root } })
    const reveal = !Object.keys(keys).some((key) => key.endsWith('pw'))
    const { text: before } = await admin.export({ layer: root, format: 'json', reveal })
    const after = JSON.parse(before) as Record<string, unknown>
    let above = after
    for (const name of names.slice(0, -1)) above = above[name] as Record<string, unknown>
    const last = names.at(-1) ?? ''
    expect(above).toHaveProperty([last])
    delete above[last]
    await (await admin.change().setEdited(before, JSON.stringify(after)).plan()).apply({ allowRemoval: true })
    const { entries } = await store.client.kv.getRange({ prefix: `${root}/` })
    const isOwn = (key: string) => key.startsWith(`${root}/.livetree`)
    const found = entries.filter(({ key }) => !isOwn(key))
    expect(Object.fromEntries(found.map((entry) => [entry.key.slice(root.length + 1), entry.text]))).toEqual(
      left,
    )
  },
)
