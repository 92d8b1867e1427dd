import { type AdminError, createAdmin, type DiffSide } from '@livetree/admin'
import { defineConfig, etcd, keyring } from 'livetree'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore, encrypted } from './embedded-store.ts'

/** What somebody who has no key wrote into the store. */
const FOREIGN = 'FOREIGNTXT'
const HERE = { id: 'here', key: Buffer.alloc(32, 1) }
const THERE = { id: 'there', key: Buffer.alloc(32, 2) }

const store = embeddedStore()
let count = 0

function worldOf(
  schema: z.ZodObject,
  plaintext: 'reject' | 'accept',
  current = HERE,
  root = `/config/${++count}`,
) {
  const sources = () => [etcd({ endpoints: [store.endpoint], root, overlays: ['base', 'prod'] })]
  const keys = () => keyring({ current, plaintext })
  const definition = defineConfig({ name: 'renames', schema, sources, keys })
  return { root, admin: createAdmin(definition, { author: 'ana' }) }
}

const put = (at: string, text: string) => store.client.kv.put(at, text)

const value = encrypted(z.string())
/** Plain texts whose names in the store are others than those in the value. */
const shapes: readonly { name: string; schema: z.ZodObject; only: string; keys: Record<string, string> }[] = [
  {
    name: 'an item of a list with gaps',
    ...{ schema: z.object({ l: z.array(value).optional() }), only: 'l', keys: { 'l/3': FOREIGN } },
  },
  {
    name: 'an item beside others',
    schema: z.object({ l: z.array(value).optional() }),
    ...{ only: 'l', keys: { 'l/2': 'OTHER', 'l/10': FOREIGN } },
  },
  {
    name: 'an object in a list',
    schema: z.object({ l: z.array(z.object({ p: value })).optional() }),
    ...{ only: 'l', keys: { 'l/7': JSON.stringify({ p: FOREIGN }) } },
  },
  {
    name: 'an item of a list that is encrypted as a whole',
    ...{
      schema: z.object({ l: encrypted(z.array(z.string())).optional() }),
      only: 'l',
      keys: { 'l/4': FOREIGN },
    },
  },
  {
    name: 'an item of a set',
    ...{ schema: z.object({ s: z.set(value).optional() }), only: 's', keys: { 's/9': FOREIGN } },
  },
  {
    name: 'an item of a tuple',
    schema: z.object({ t: z.tuple([value, z.string()]).optional() }),
    ...{ only: 't', keys: { 't/4': FOREIGN, 't/6': 'x' } },
  },
  {
    name: 'an entry of a map of numbers',
    ...{
      schema: z.object({ m: z.map(z.number(), value).optional() }),
      only: 'm',
      keys: { 'm/1e0': FOREIGN },
    },
  },
  {
    name: 'an entry of a record of numbers',
    ...{
      schema: z.object({ r: z.record(z.number(), value).optional() }),
      only: 'r',
      keys: { 'r/7.0': FOREIGN },
    },
  },
  {
    name: 'an entry of a record that changes its keys',
    schema: z.object({ r: z.record(z.string().toLowerCase(), value).optional() }),
    ...{ only: 'r', keys: { 'r/ABC': FOREIGN } },
  },
  ...[
    z.string().transform((name) => name.toLowerCase()),
    z.string().pipe(z.string().toLowerCase()),
    z.codec(z.string(), z.string(), { decode: (name) => name.toLowerCase(), encode: (name) => name }),
    z
      .string()
      .regex(/^[a-z]*$/)
      .catch('foo'),
  ].map((key) => ({
    name: `an entry under a key that a ${key.def.type} reads`,
    schema: z.object({ r: z.record(key, value).optional() }),
    ...{ only: 'r', keys: { 'r/FOO': FOREIGN } },
  })),
  {
    name: 'a name in the other spelling',
    schema: z.object({ db: z.object({ passWord: value }).optional() }),
    ...{ only: 'db', keys: { db: JSON.stringify({ passWord: FOREIGN }) } },
  },
]

/** The texts in a value, which its JSON does not show. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (value instanceof Map || value instanceof Set) return [...value.values()].flatMap(textsIn)
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

/** Takes a side over, as far as it is not refused, and expects that no envelope was made of what was plain text. */
async function expectUnsealed(shape: (typeof shapes)[number], from: DiffSide, root: string): Promise<void> {
  const { schema, only } = shape
  await using admin = worldOf(schema, 'accept', HERE, root).admin
  try {
    const plan = await admin.promote({ from, only: [only], overlay: 'prod' })
    await plan.apply({ force: true })
  } catch (error) {
    expect(['secret_text', 'invalid_path']).toContain((error as AdminError).code)
    return
  }
  const { entries } = await store.client.kv.getRange({ prefix: `${root}/prod/` })
  expect(entries.map(({ text }) => text).join()).toContain(FOREIGN)
}

describe.each(shapes)('plain text under another name than that of the value: $name', (shape) => {
  const { schema, keys } = shape
  const putAll = async (root: string) => {
    for (const [key, text] of Object.entries(keys)) await put(`${root}/base/${key}`, text)
  }

  test('a promotion from a layer, here and of another environment', async () => {
    const root = `/config/${++count}`
    await putAll(root)
    await expectUnsealed(shape, { overlay: 'base' }, root)
    await using there = worldOf(schema, 'reject', THERE, root).admin
    const { text, plaintext } = await there.export({ overlay: 'base', format: 'json', reveal: true })
    await expectUnsealed(shape, { text, plaintext }, `/config/${++count}`)
  })

  test('a promotion of the whole tree, here and of another environment', async () => {
    const root = `/config/${++count}`
    await putAll(root)
    const there = worldOf(schema, 'accept', THERE, root)
    expect(textsIn((await there.admin.read()).value)).toContain(FOREIGN)
    const { text, plaintext } = await there.admin.export({ format: 'json', reveal: true })
    await expectUnsealed(shape, { text, plaintext }, `/config/${++count}`)
    await expectUnsealed(shape, 'now', root)
    await there.admin.close()
  })
})

test('of an object, the parts in plain text stay so, and those of a layer above are encrypted', async () => {
  const schemas = [
    z.object({ db: z.object({ x: value, y: value }).optional() }),
    z.object({ db: z.record(z.string().min(1), value).optional() }),
    z.object({ db: encrypted(z.object({ x: z.string(), y: z.string() })).optional() }),
  ]
  for (const schema of schemas) {
    const { root, admin } = worldOf(schema, 'accept', THERE)
    await admin.set('db', { x: 'REAL', y: 'REAL2' }, { overlay: 'base' })
    await store.client.kv.deleteRange({ prefix: `${root}/base/` })
    await put(`${root}/base/db`, JSON.stringify({ x: 'p', y: FOREIGN }))
    await admin.set('db.x', 'REAL', { overlay: 'prod' })
    const { text, plaintext } = await admin.export({ format: 'json', reveal: true })
    expect(plaintext).toEqual([['db', 'y']])
    await admin.close()
    const here = worldOf(schema, 'accept', HERE)
    await (await here.admin.promote({ from: { text, plaintext }, only: ['db'], overlay: 'prod' })).apply()
    const { entries } = await store.client.kv.getRange({ prefix: `${here.root}/prod/` })
    const written = entries.map((each) => each.text).join()
    expect(written).toContain(FOREIGN)
    expect(written).toContain('livetree:encrypted:')
    expect(written).not.toContain('REAL')
    expect((await here.admin.read()).value).toEqual({ db: { x: 'REAL', y: FOREIGN } })
    await here.admin.close()
  }
})

/** Puts what is written as `SEALED…` as envelopes, and everything else as it is. */
async function putSealed(
  { root, admin }: ReturnType<typeof worldOf>,
  keys: Record<string, string>,
): Promise<void> {
  for (const [key, text] of Object.entries(keys))
    await put(`${root}/base/${key}`, text.replaceAll(FOREIGN, 'SEALEDX'))
  await (await admin.rotateSecrets({ plaintext: 'encrypt' })).plan.apply()
  for (const [key, text] of Object.entries(keys)) {
    const stored = (await store.client.kv.get(`${root}/base/${key}`))?.text ?? ''
    if (!text.includes('SEALED')) await put(`${root}/base/${key}`, text)
    else if (text.includes(FOREIGN)) await put(`${root}/base/${key}`, plainInstead(stored, text))
  }
}

/** A document with the envelopes that it has, and foreign text where that is asked for. */
function plainInstead(stored: string, wanted: string): string {
  const visit = (has: unknown, wants: unknown): unknown => {
    if (typeof wants === 'string' && /^[[{]/.test(wants))
      return JSON.stringify(visit(JSON.parse(String(has)), JSON.parse(wants)))
    if (Array.isArray(wants)) return wants.map((item, index) => visit((has as unknown[])[index], item))
    if (typeof wants === 'object' && wants !== null)
      return Object.fromEntries(
        Object.entries(wants).map(([name, each]) => [
          name,
          visit((has as Record<string, unknown>)[name], each),
        ]),
      )
    return wants === FOREIGN ? wants : has
  }
  return JSON.stringify(visit(JSON.parse(stored), JSON.parse(wanted)))
}

const pair = z.object({ x: value, y: value })
const mixed: readonly { name: string; schema: z.ZodObject; keys: Record<string, string> }[] = [
  {
    name: 'a list of keys',
    schema: z.object({ d: z.array(value).optional() }),
    keys: { 'd/0': 'SEALED0', 'd/1': 'SEALED1', 'd/2': FOREIGN },
  },
  {
    name: 'a list of keys with gaps',
    schema: z.object({ d: z.array(value).optional() }),
    keys: { 'd/3': FOREIGN, 'd/5': 'SEALED1' },
  },
  {
    name: 'a list',
    schema: z.object({ d: z.array(value).optional() }),
    keys: { d: JSON.stringify(['SEALED0', FOREIGN]) },
  },
  {
    name: 'a set',
    schema: z.object({ d: z.set(value).optional() }),
    keys: { d: JSON.stringify(['SEALED0', FOREIGN]) },
  },
  {
    name: 'a map of numbers',
    schema: z.object({ d: z.map(z.number(), value).optional() }),
    keys: { 'd/1e0': FOREIGN, 'd/2': 'SEALED1' },
  },
  {
    name: 'JSON as text in a document',
    schema: z.object({ d: z.object({ o: pair }).optional() }),
    keys: { d: JSON.stringify({ o: JSON.stringify({ x: FOREIGN, y: 'SEALEDY' }) }) },
  },
  {
    name: 'a list as text in a document',
    schema: z.object({ d: z.object({ o: z.array(value) }).optional() }),
    keys: { d: JSON.stringify({ o: JSON.stringify(['SEALED0', FOREIGN]) }) },
  },
  {
    name: 'an object',
    schema: z.object({ d: pair.optional() }),
    keys: { d: JSON.stringify({ x: FOREIGN, y: 'SEALEDY' }) },
  },
]

describe.each(mixed)('plain text beside envelopes: $name', ({ schema, keys }) => {
  test('a promotion encrypts no plain text, and writes nothing in plain text that was encrypted', async () => {
    const there = worldOf(schema, 'accept', THERE)
    await putSealed(there, keys)
    const sides = async (): Promise<readonly (readonly [string, DiffSide])[]> => {
      const whole = await there.admin.export({ format: 'json', reveal: true })
      const layer = await there.admin.export({ format: 'json', reveal: true, overlay: 'base' })
      return [
        ['whole', { text: whole.text, plaintext: whole.plaintext }],
        ['layer', { text: layer.text, plaintext: layer.plaintext }],
      ]
    }
    for (const [name, from] of await sides()) await promoted(worldOf(schema, 'accept', HERE), from, name)
    for (const from of ['now', { overlay: 'base' }] as const)
      await promoted(there, from, JSON.stringify(from))
    await there.admin.close()
  })

  async function promoted(
    { root, admin }: ReturnType<typeof worldOf>,
    from: DiffSide,
    name: string,
  ): Promise<void> {
    try {
      await (await admin.promote({ from, only: ['d'], overlay: 'prod' })).apply()
    } catch (error) {
      expect(['secret_text', 'invalid_path'], `${name}: ${error}`).toContain((error as AdminError).code)
      return
    }
    const { entries } = await store.client.kv.getRange({ prefix: `${root}/prod/` })
    const written = entries.map(({ text }) => text).join()
    expect(written, name).toContain(FOREIGN)
    expect(written, name).toContain('livetree:encrypted:')
    expect(written, name).not.toContain('SEALED')
    await store.client.kv.deleteRange({ prefix: `${root}/prod/` })
  }
})

test('items of a list are not promoted beside one that is removed, which would move them', async () => {
  for (const item of [z.string(), z.object({ pw: value })]) {
    const text = (name: string) => (item instanceof z.ZodString ? name : JSON.stringify({ pw: name }))
    const { root, admin } = worldOf(z.object({ l: z.array(item).optional() }), 'accept')
    for (const index of [0, 1, 2]) await put(`${root}/prod/l/${index}`, text(`A${index}`))
    await put(`${root}/base/l/1`, text(FOREIGN))
    const options = { from: { overlay: 'base' }, overlay: 'prod' } as const
    await expect(admin.promote({ ...options, only: ['l.0', 'l.1'] })).rejects.toMatchObject({
      code: 'invalid_path',
    })
    // One at a time, and the list as a whole.
    expect((await admin.promote({ ...options, only: ['l.2'] })).removes).toHaveLength(1)
    expect((await admin.promote({ ...options, only: ['l'] })).isEmpty).toBe(false)
    await admin.close()
  }
})

test('a list is promoted of which only a lower layer has something in plain text', async () => {
  const { root, admin } = worldOf(z.object({ l: z.array(value).optional() }), 'accept')
  await admin.set('l', ['REAL', 'REAL2'], { overlay: 'prod' })
  await put(`${root}/base/l/3`, FOREIGN)
  const { text, plaintext } = await admin.export({ format: 'json', reveal: true })
  expect(plaintext).toEqual([])
  const here = worldOf(z.object({ l: z.array(value).optional() }), 'reject')
  await (await here.admin.promote({ from: { text, plaintext }, only: ['l'], overlay: 'prod' })).apply()
  expect((await here.admin.read()).value).toEqual({ l: ['REAL', 'REAL2'] })
  await (await admin.promote({ from: 'now', only: ['l'], overlay: 'base' })).apply()
  expect((await admin.read()).value).toEqual({ l: ['REAL', 'REAL2'] })
  for (const each of [admin, here.admin]) await each.close()
})

test('a list of documents in keys is promoted from a layer', async () => {
  const { root, admin } = worldOf(
    z.object({ l: z.array(z.object({ a: z.string(), pw: value })).optional() }),
    'accept',
  )
  for (const [name, a] of [
    ['0', 'x'],
    ['1', 'y'],
  ] as const)
    await put(`${root}/base/l/${name}`, JSON.stringify({ a, pw: a }))
  await (await admin.rotateSecrets({ plaintext: 'encrypt' })).plan.apply()
  const before = (await admin.read()).value
  await (await admin.promote({ from: { overlay: 'base' }, only: ['l'], overlay: 'prod' })).apply()
  await store.client.kv.deleteRange({ prefix: `${root}/base/` })
  expect((await admin.read()).value).toEqual(before)
  await admin.close()
})

test('a word in the key of an item, which hides nothing there, becomes no text and no envelope', async () => {
  const schema = z.object({
    l: z.array(z.object({ pw: value.optional(), h: z.string().optional() })).optional(),
  })
  for (const word of ['livetree:remove', 'livetree:empty']) {
    const { root, admin } = worldOf(schema, 'reject')
    await put(`${root}/base/l/0/h`, 'x')
    await put(`${root}/base/l/0/pw`, word)
    await put(`${root}/base/l/1/h`, 'livetree:remove')
    await put(`${root}/base/l/2/h`, 'y')
    const side = await admin.export({ overlay: 'base', format: 'json', reveal: true })
    for (const from of [{ overlay: 'base' }, { text: side.text, plaintext: side.plaintext }] as const) {
      await (await admin.promote({ from, only: ['l'], overlay: 'prod' })).apply({ force: true })
      const { entries } = await store.client.kv.getRange({ prefix: `${root}/prod/` })
      expect(entries.map(({ text }) => text).join()).not.toMatch(/livetree:/)
      expect((await admin.read()).value).toEqual({ l: [{ h: 'x' }, { h: 'y' }] })
      await store.client.kv.deleteRange({ prefix: `${root}/prod/` })
    }
    await admin.close()
  }
})
