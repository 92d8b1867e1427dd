import { createAdmin } from '@livetree/admin'
import { toJsonSchema } from '@livetree/core/tools'
import { defineConfig, etcd, keyring } from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore, encrypted } from './embedded-store.ts'

/** What no text but an encrypted one may hold. */
const P = 'PLAINTXT'
const ring = keyring({ current: { id: 'k0', key: Buffer.alloc(32, 1) }, plaintext: 'accept' })

const store = embeddedStore()

let count = 0

/** A configuration of its own place in the store. */
function definitionOf<S extends z.ZodObject>(schema: S) {
  const root = `/config/${++count}`
  const sources = () => [etcd({ endpoints: [store.endpoint], root })]
  return { root, definition: defineConfig({ name: 'shapes', schema, sources, keys: () => ring }) }
}

async function storedBelow(root: string): Promise<string> {
  const { entries } = await store.client.kv.getRange({ prefix: '/config/' })
  return entries
    .filter(({ key }) => key.includes(`${root}/`) || key.endsWith(root))
    .map(({ key, text }) => `${key}=${text}`)
    .join('\n')
}

/** Schemas that read one text in several ways, each with values that differ by their type. */
const ambiguous: readonly (readonly [string, z.ZodType, readonly unknown[]])[] = [
  ['text or a number', z.union([z.string(), z.number()]), [5, '5', 'a']],
  ['a number or text', z.union([z.number(), z.string()]), [5, '5', 'a']],
  ['text or a boolean', z.union([z.string(), z.boolean()]), [true, 'true']],
  ['a boolean or text', z.union([z.boolean(), z.string()]), [true, 'yes']],
  ['text or null', z.string().nullable(), [null, 'null', 'a']],
  ['any value', z.any(), [5, '5', true, null, 'null', [1], { a: 1 }]],
  ['an unknown value', z.unknown(), [5, '5', null, [1], { a: '1' }]],
  ['any JSON', z.json(), [5, '5', true, { a: 1 }]],
  ['a record of any', z.record(z.string(), z.any()), [{ a: 1, b: '1' }]],
  ['text or a list', z.union([z.string(), z.array(z.string())]), [['a'], '["a"]']],
  ['an object or text', z.union([z.object({ a: z.string() }), z.string()]), [{ a: 'x' }, '{"a":"x"}']],
  ['one of two words', z.union([z.literal(1), z.literal('1')]), [1, '1']],
  ['a date', z.date(), [new Date('2026-01-01T00:00:00.000Z')]],
  ['a number', z.number(), [5]],
]

const forms = {
  'in a key': (at: z.ZodType) => z.object({ v: at.optional() }),
  'in a document': (at: z.ZodType) =>
    z.object({ d: z.object({ v: at.optional(), n: z.number() }).optional() }),
  'in a list': (at: z.ZodType) => z.object({ l: z.array(at).optional() }),
} as const

for (const [form, schemaOf] of Object.entries(forms)) {
  const value = (of: unknown) =>
    form === 'in a list' ? { l: [of] } : form === 'in a key' ? { v: of } : { d: { v: of, n: 3 } }
  const [name = ''] = Object.keys(value(0))

  test.each(ambiguous)(`what is encrypted ${form} is read as it was written: %s`, async (_, at, values) => {
    for (const each of values) {
      const { definition, root } = definitionOf(schemaOf(encrypted(at)))
      await using admin = createAdmin(definition, { author: 'ana' })
      const wanted = value(each)
      // What stands in a document is written into it.
      if (form === 'in a document') await store.client.kv.put(`${root}/d`, '{"v":"livetree:remove","n":3}')
      const [path, given] = form === 'in a list' ? ['l', [each]] : [form === 'in a key' ? 'v' : 'd.v', each]
      const refused = await admin.set(path, given, { force: true }).then(
        () => undefined,
        (error: unknown) => error,
      )
      // No text of a key says some of them, encrypted or not.
      if (form === 'in a key' && refused !== undefined) {
        expect(refused).toMatchObject({ code: 'unwritable_value' })
        continue
      }
      expect(refused).toBeUndefined()
      await using config = await definition.load({ logger: false })
      expect(config.current).toEqual(wanted)
      expect(await storedBelow(root)).toContain('livetree:encrypted:')
    }
  })

  test.each(ambiguous)(`a rotation changes no value ${form}: %s`, async (_, at, values) => {
    for (const each of values) {
      const { definition, root } = definitionOf(schemaOf(encrypted(at)))
      const [part] = Object.values(value(each))
      const text = typeof part === 'string' ? part : JSON.stringify(part)
      await store.client.kv.put(`${root}/${name}`, part instanceof Date ? part.toISOString() : text)
      await using admin = createAdmin(definition, { author: 'ana' })
      await using config = await definition.load({ logger: false })
      const before = config.current
      const { plan, renewed, left } = await admin.rotateSecrets({ plaintext: 'encrypt' })
      expect(renewed).toBeGreaterThan(0)
      expect(left).toBe(0)
      await plan.apply()
      await config.refresh()
      expect(config.status.rejected).toBeUndefined()
      expect(config.current).toEqual(before)
    }
  })
}

test.each<[string, z.ZodType, unknown]>([
  ['text', encrypted(z.string()), P],
  ['a list', z.array(encrypted(z.string())), [P]],
  ['a set', z.set(encrypted(z.string())), [P]],
  ['a map', z.map(z.string(), encrypted(z.string())), { a: P }],
  [
    'a map of objects',
    z.map(z.string(), z.object({ p: encrypted(z.string()), n: z.number() })),
    { a: { p: P, n: 1 } },
  ],
  [
    'a record whose names have a form',
    z.looseRecord(z.string().regex(/^a/), encrypted(z.string())),
    { a: P },
  ],
  ['text that goes through a pipe', z.string().pipe(encrypted(z.string())), P],
  ['a tuple', z.tuple([z.number(), encrypted(z.string())]), [1, P]],
  ['an optional set', z.set(encrypted(z.string())).optional(), [P]],
])('an admin with the published JSON Schema of %s writes no plain text, or nothing', async (_, at, value) => {
  const { definition, root } = definitionOf(z.object({ v: at }))
  const jsonSchema = JSON.parse(JSON.stringify(toJsonSchema(definition)))
  const settings = { store: { endpoints: [store.endpoint], root }, jsonSchema, keys: ring, author: 'ana' }
  let admin: ReturnType<typeof createAdmin>
  try {
    admin = createAdmin(settings)
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid_options' })
    return
  }
  await using _admin = admin
  await admin.set('v', value)
  expect(await storedBelow(root)).not.toContain(P)
  const strict = defineConfig({
    ...{ name: 'shapes', schema: definition.schema, sources: definition.sources },
    keys: () => keyring({ current: { id: 'k0', key: Buffer.alloc(32, 1) } }),
  })
  await using config = await strict.load({ logger: false })
  expect(JSON.stringify(plainOf(config.current))).toBe(JSON.stringify({ v: value }))
})

/** Maps and sets as JSON has them. */
function plainOf(value: unknown): unknown {
  if (value instanceof Map) return plainOf(Object.fromEntries(value))
  if (value instanceof Set || Array.isArray(value)) return Array.from(value, plainOf)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plainOf(part)]))
}

test('what is put beside a plain text that stays gets an envelope', async () => {
  const { definition, root } = definitionOf(
    z.object({
      db: encrypted(z.object({ user: z.string(), pass: z.string() })),
      l: encrypted(z.array(z.string())).optional(),
    }),
  )
  await store.client.kv.put(`${root}/db`, '{"user":"stays","pass":"old"}')
  await store.client.kv.put(`${root}/l`, '["stays"]')
  await using admin = createAdmin(definition, { author: 'ana' })
  await admin.set('db.pass', P)
  await admin.set('l.1', P)
  const stored = await storedBelow(root)
  expect(stored).not.toContain(P)
  expect(stored).toContain('"user":"stays"')
  expect(stored).toContain('["stays",')
  await using config = await definition.load({ logger: false })
  expect(config.current).toEqual({ db: { user: 'stays', pass: P }, l: ['stays', P] })
})

test('what is empty needs no envelope, and goes into a file', async () => {
  const { definition, root } = definitionOf(
    z.object({
      d: z.object({ n: z.number(), v: encrypted(z.record(z.string(), z.string())).optional() }),
      lists: z.record(z.string(), encrypted(z.array(z.string()))).default({}),
    }),
  )
  await store.client.kv.put(`${root}/d`, '{"n":3,"v":{}}')
  await store.client.kv.put(`${root}/lists/b`, '[]')
  await using admin = createAdmin(definition, { author: 'ana' })
  const { text, omitted } = await admin.export({ layer: root })
  expect(omitted).toEqual([])
  expect((await admin.import(text, { layer: root, prune: true })).changes).toEqual([])
})

test('a value in a document keeps its type in an envelope, whatever other layers have', async () => {
  const either = () => encrypted(z.union([z.string(), z.number(), z.boolean(), z.null()])).optional()
  const schema = z.object({
    d: z.object({
      v: either(),
      w: either(),
      url: z.string(),
      n: z.number().max(5),
      auth: z.union([
        z.object({ user: z.string(), password: encrypted(z.union([z.string(), z.number()])) }),
        z.object({ token: encrypted(z.string()).optional() }),
      ]),
      pair: encrypted(z.tuple([z.string(), z.union([z.string(), z.number()])])).optional(),
    }),
  })
  const { root } = definitionOf(schema)
  const sources = () => [etcd({ endpoints: [store.endpoint], root, overlays: ['base', 'prod'] })]
  const definition = defineConfig({ name: 'shapes', schema, sources, keys: () => ring })
  await store.client.kv.put(`${root}/base/d`, '{"url":"u","v":"x","auth":{"user":"u"}}')
  await store.client.kv.put(`${root}/prod/d`, '{"n":2,"auth":{},"w":true}')
  await using admin = createAdmin(definition, { author: 'ana' })
  await (await admin.rotateSecrets({ plaintext: 'encrypt' })).plan.apply()
  await admin.set('d.auth.password', 5, { overlay: 'prod' })
  await using config = await definition.load({ logger: false })
  for (const v of [5, '5', true, 'true', null, 'null', 0.5, '']) {
    await admin.set('d.v', v, { overlay: 'prod' })
    await admin.set('d.pair', ['a', typeof v === 'number' ? v : String(v)], { overlay: 'prod' })
    await config.refresh()
    const pair = ['a', typeof v === 'number' ? v : String(v)]
    expect(config.current.d).toEqual({ url: 'u', v, w: true, n: 2, auth: { user: 'u', password: 5 }, pair })
  }
  expect((await admin.encrypted()).plaintext).toEqual([])
})

test.each(['{"user-name":"u","userName":"junk"}', '{"__proto__":1,"a/b":2,"":3,"\\ud800":4}'])(
  'a document with a name that no key has holds no operator up: %s',
  async (text) => {
    const root = `/config/${++count}`
    const definition = defineConfig({
      name: 'shapes',
      naming: 'kebab-case',
      schema: z.object({
        dB: z
          .object({ userName: z.string().optional(), passWord: encrypted(z.string()).optional() })
          .optional(),
        n: z.number().default(0),
      }),
      sources: () => [etcd({ endpoints: [store.endpoint], root })],
      keys: () => ring,
    })
    await store.client.kv.put(`${root}/d-b`, text)
    await using admin = createAdmin(definition, { author: 'ana' })
    await admin.set('n', 5)
    await admin.set('dB.passWord', P)
    expect((await admin.encrypted()).values).toMatchObject([{ pathText: 'dB.passWord' }])
    expect((await admin.rotateSecrets()).plan.isEmpty).toBe(true)
    expect(await storedBelow(root)).not.toContain(P)
    await using config = await definition.load({ logger: false })
    expect(config.current).toMatchObject({ dB: { passWord: P }, n: 5 })
    await admin.unset('dB')
  },
)

test('a schema that comes back to itself through maps is published once, and an admin reads it', async () => {
  interface Node {
    a?: Map<string, Node> | undefined
    b?: Map<string, Node> | undefined
    pw?: string | undefined
  }
  const node: z.ZodType<Node> = z.object({
    get a() {
      return z.map(z.string(), node).optional()
    },
    get b() {
      return z.map(z.string(), node).optional()
    },
    pw: encrypted(z.string()).optional(),
  })
  const { definition, root } = definitionOf(z.object({ top: node }))
  const jsonSchema = toJsonSchema(definition)
  expect(JSON.stringify(jsonSchema).length).toBeLessThan(5_000)
  const reader = { endpoints: [store.endpoint], root }
  await using admin = createAdmin({ store: reader, jsonSchema, keys: ring, author: 'ana' })
  await admin.set('top.pw', P)
  await admin.set('top.a.x.pw', P)
  expect(await storedBelow(root)).not.toContain(P)
  await using config = await definition.load({ logger: false })
  expect(config.current.top.a?.get('x')?.pw).toBe(P)
})

test('a document that is nested deeper than any configuration holds no operator up', async () => {
  const { definition, root } = definitionOf(
    z.object({ d: z.object({ v: encrypted(z.string()).optional() }).optional(), n: z.number().default(0) }),
  )
  await store.client.kv.put(`${root}/d`, `{"x":${'['.repeat(6_000)}${']'.repeat(6_000)}}`)
  await using admin = createAdmin(definition, { author: 'ana' })
  await admin.set('n', 5, { force: true })
  await admin.unset('d')
  await using config = await definition.load({ logger: false })
  expect(config.current).toEqual({ n: 5 })
})

test('a text with escapes that may be meant as text is not made a list by a rotation, nor by who writes it', async () => {
  const { definition, root } = definitionOf(
    z.object({ d: z.object({ x: z.union([z.string(), z.array(encrypted(z.string()))]) }) }),
  )
  const text = '["\\u0041"]'
  await store.client.kv.put(`${root}/d`, JSON.stringify({ x: text }))
  await using admin = createAdmin(definition, { author: 'ana' })
  const { renewed, left, unwritable } = await admin.rotateSecrets({ plaintext: 'encrypt' })
  expect({ renewed, left, unwritable }).toMatchObject({
    renewed: 0,
    left: 0,
    unwritable: [{ pathText: 'd.x.0' }],
  })
  await admin.set('d.x', '["\\u0042"]')
  await using config = await definition.load({ logger: false })
  expect(config.current.d.x).toBe('["\\u0042"]')
})

test('a text whose option another property tells is not made a list by a rotation', async () => {
  const secretList = z.object({ type: z.literal('static'), tokens: z.array(encrypted(z.string())) })
  const text = z.object({ type: z.literal('vault'), tokens: z.string() })
  for (const d of [
    z.discriminatedUnion('type', [secretList, text]),
    z.tuple([z.array(encrypted(z.string())), z.string()]),
  ]) {
    const { definition, root } = definitionOf(z.object({ d }))
    const value = d.type === 'tuple' ? [[], '["a"]'] : { type: 'vault', tokens: '["a"]' }
    await store.client.kv.put(`${root}/d`, JSON.stringify(value))
    await using admin = createAdmin(definition, { author: 'ana' })
    const { plan, unwritable } = await admin.rotateSecrets({ plaintext: 'encrypt' })
    if (!plan.isEmpty) await plan.apply()
    expect(unwritable).toHaveLength(1)
    await using config = await definition.load({ logger: false })
    expect(config.current.d).toEqual(value)
  }
})

test.each<[string, (schema: z.ZodType) => z.ZodType]>([
  ['encrypted', encrypted],
  ['open', (schema) => schema],
])(
  'a text that looks like an object or a list is promoted and imported as the text that it is: %s',
  async (_, mark) => {
    const schema = z.object({
      account: mark(z.union([z.string(), z.object({ type: z.string() })])).optional(),
      list: mark(z.union([z.string(), z.array(z.string())])).optional(),
    })
    const value = { account: '{"type":"service_account"}', list: '["a"]' }
    const root = `/config/${++count}`
    const sources = () => [etcd({ endpoints: [store.endpoint], root, overlays: ['base', 'prod'] })]
    const definition = defineConfig({ name: 'shapes', schema, sources, keys: () => ring })
    await using admin = createAdmin(definition, { author: 'ana' })
    await admin.set('account', value.account, { overlay: 'base' })
    await admin.set('list', value.list, { overlay: 'base' })
    await using config = await definition.load({ logger: false })
    expect(config.current).toEqual(value)
    await (
      await admin.promote({ from: { overlay: 'base' }, only: ['account', 'list'], overlay: 'prod' })
    ).apply()
    await config.refresh()
    expect(config.current).toEqual(value)
    const { text } = await admin.export({ overlay: 'base', reveal: true })
    await store.client.kv.put(`${root}/prod`, '{}')
    await (await admin.import(text, { overlay: 'prod' })).apply()
    await config.refresh()
    expect(config.current).toEqual(value)
  },
)

test('a word that hides lower layers is promoted and imported as that, whatever the schema has there', async () => {
  const schema = z.object({
    d: z.object({
      open: z.string().optional(),
      least: z.string().min(3).optional(),
      sealed: encrypted(z.string()).optional(),
      number: z.number().optional(),
      list: z.array(z.string()).optional(),
      record: z.record(z.string(), z.string()).optional(),
    }),
  })
  const root = `/config/${++count}`
  const sources = () => [etcd({ endpoints: [store.endpoint], root, overlays: ['base', 'prod', 'top'] })]
  await using admin = createAdmin(defineConfig({ name: 'words', schema, sources, keys: () => ring }), {
    author: 'ana',
  })
  await admin.set(
    'd',
    { open: 'low', least: 'low', sealed: 'low', number: 1, list: ['low'], record: { a: 'low' } },
    { overlay: 'base' },
  )
  for (const name of ['open', 'least', 'sealed', 'number', 'list'])
    await store.client.kv.put(`${root}/prod/d/${name}`, 'livetree:remove')
  await store.client.kv.put(`${root}/prod/d/record`, 'livetree:empty')
  const textsOf = async (overlay: string) => {
    const { entries } = await store.client.kv.getRange({ prefix: `${root}/${overlay}/d/` })
    return entries.map(({ key, text }) => [key.slice(`${root}/${overlay}/`.length), text])
  }
  const stored = await textsOf('prod')
  const { text } = await admin.export({ overlay: 'prod', reveal: true })
  await (await admin.promote({ from: { overlay: 'prod' }, only: ['d'], overlay: 'top' })).apply()
  expect(await textsOf('top')).toEqual(stored)
  await store.client.kv.deleteRange({ prefix: `${root}/top/` })
  await (await admin.import(text, { overlay: 'top' })).apply()
  expect(await textsOf('top')).toEqual(stored)
  expect((await admin.import(text, { overlay: 'prod' })).isEmpty).toBe(true)
  expect((await admin.read()).value).toEqual({ d: { record: {} } })
})

test('in a list, such a word is text, and is not written as what it says elsewhere', async () => {
  const schema = z.object({
    l: z.array(z.string()).optional(),
    o: z.array(z.object({ h: z.string().optional(), g: z.string() })).optional(),
  })
  for (const word of ['livetree:remove', 'livetree:empty']) {
    const root = `/config/${++count}`
    const sources = () => [etcd({ endpoints: [store.endpoint], root, overlays: ['base', 'prod'] })]
    await using admin = createAdmin(defineConfig({ name: 'words', schema, sources }), { author: 'ana' })
    await store.client.kv.put(`${root}/base/l`, JSON.stringify([word, 'b', 'c']))
    await store.client.kv.put(`${root}/base/o`, JSON.stringify([{ h: word, g: 'q' }]))
    for (const [key, text] of [
      ['l/0', 'x'],
      ['l/1', 'y'],
      ['o/0/h', 'x'],
      ['o/0/g', 'y'],
    ] as const)
      await store.client.kv.put(`${root}/prod/${key}`, text)
    const before = (await admin.read()).value
    for (const only of ['l', 'l.0', 'o', 'o.0', 'o.0.h'])
      await expect(
        admin.promote({ from: { overlay: 'base' }, only: [only], overlay: 'prod' }),
        only,
      ).rejects.toMatchObject({ code: 'unwritable_value' })
    for (const text of [`{"l":["${word}","b"]}`, `{"o":[{"h":"${word}","g":"q"}]}`])
      await expect(admin.import(text, { overlay: 'prod' }), text).rejects.toMatchObject({
        code: 'unwritable_value',
      })
    expect((await admin.read()).value).toEqual(before)
  }
})
