import { createAdmin } from '@livetree/admin'
import { defineConfig, etcd, keyring } from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore, encrypted } from './embedded-store.ts'

const current = { id: 'k0', key: Buffer.alloc(32, 1) }
const ring = keyring({ current, plaintext: 'accept' })
const strict = keyring({ current })

const store = embeddedStore()

let count = 0

function definitionOf<S extends z.ZodObject>(schema: S) {
  const root = `/config/${++count}`
  const sources = () => [etcd({ endpoints: [store.endpoint], root })]
  return { root, definition: defineConfig({ name: 'empty', schema, sources, keys: () => ring }) }
}

const textAt = async (key: string) => (await store.client.kv.get(key))?.text ?? ''
const role = z.object({ role: z.string().optional(), pw: z.string().optional() })

/** With the value as JSON has it, and as an operator gives it where that is another. */
const given: readonly (readonly [string, z.ZodType, unknown, unknown?])[] = [
  ['a record of objects', encrypted(z.record(z.string(), role)), { mallory: {} }],
  ['beside one that is not', encrypted(z.record(z.string(), role)), { a: {}, b: { pw: 'x' } }],
  ['a record of lists', encrypted(z.record(z.string(), z.array(z.string()))), { mallory: [] }],
  ['an optional object', encrypted(z.object({ a: role.optional() })), { a: {} }],
  ['a map', encrypted(z.map(z.string(), role)), { mallory: {} }, new Map([['mallory', {}]])],
  ['a list of objects', encrypted(z.array(role)), [{}, {}]],
  ['a list of lists', encrypted(z.array(z.array(z.string()))), [[], ['x']]],
  ['a word in a list', encrypted(z.array(z.string())), ['livetree:remove', 'b']],
  ['a word in a list of secrets', z.array(encrypted(z.string())), ['b', 'livetree:empty']],
  [
    'a word in a list of objects',
    z.array(z.object({ token: encrypted(z.string()), who: z.string() })),
    [{ token: 'livetree:remove', who: 'x' }],
  ],
]

const shapes = given.map(([name, of, json, value = json]) => [name, of, json, value] as const)

const forms = {
  'a key': {
    schemaOf: (v: z.ZodType) => z.object({ v: v.optional(), n: z.number().default(0) }),
    path: 'v',
    key: 'v',
  },
  'a document': {
    schemaOf: (v: z.ZodType) => z.object({ d: z.object({ v: v.optional(), n: z.number() }) }),
    path: 'd.v',
    key: 'd',
  },
} as const

for (const [form, { schemaOf, path, key }] of Object.entries(forms)) {
  const storedOf = (v: unknown) => JSON.stringify(key === 'd' ? { n: 3, v } : v)

  test.each(shapes)(
    `what is empty is written to ${form} as it is read back: %s`,
    async (_, of, json, value) => {
      const { definition, root } = definitionOf(schemaOf(of))
      if (key === 'd') await store.client.kv.put(`${root}/d`, '{"n":3}')
      await using admin = createAdmin(definition, { author: 'ana' })
      await admin.set(path, value)
      await using written = await definition.load({ logger: false, keys: strict })
      const other = definitionOf(schemaOf(of))
      await store.client.kv.put(`${other.root}/${key}`, storedOf(json))
      await using plain = await other.definition.load({ logger: false })
      expect(written.current).toEqual(plain.current)
      // the same again is no change, and what is beside it can be edited
      await admin.set(path, value, { force: true })
      await admin.set(key === 'd' ? 'd.n' : 'n', 4)
      await written.refresh()
      expect(written.status.rejected).toBeUndefined()
    },
  )

  test.each(shapes)(
    `what is empty is seen and encrypted by a rotation in ${form}: %s`,
    async (_, of, value) => {
      const { definition, root } = definitionOf(schemaOf(of))
      await store.client.kv.put(`${root}/${key}`, storedOf(value))
      await expect(definition.load({ logger: false, keys: strict })).rejects.toMatchObject({
        issues: expect.arrayContaining([expect.objectContaining({ code: 'not_encrypted' })]),
      })
      await using admin = createAdmin(definition, { author: 'ana' })
      expect((await admin.encrypted()).plaintext).not.toEqual([])
      await using before = await definition.load({ logger: false })
      const { plan } = await admin.rotateSecrets({ plaintext: 'encrypt' })
      await plan.apply()
      expect((await admin.encrypted()).plaintext).toEqual([])
      await using after = await definition.load({ logger: false, keys: strict })
      expect(after.current).toEqual(before.current)
    },
  )
}

test('an edit beside an empty part that stands there in plain text makes no envelope of it', async () => {
  const { definition, root } = definitionOf(
    z.object({ v: encrypted(z.record(z.string(), role)), n: z.number().optional() }),
  )
  await store.client.kv.put(`${root}/v`, '{"mallory":{}}')
  await using admin = createAdmin(definition, { author: 'ana' })
  await admin.set('v.bob.pw', 'PLAINTXT')
  const text = await textAt(`${root}/v`)
  expect(text).toContain('"mallory":{}')
  expect(text).not.toContain('PLAINTXT')
})

test('what is all that a place has stays as it is, and words that hide lower layers do', async () => {
  const { definition, root } = definitionOf(
    z.object({
      d: z.object({
        v: encrypted(z.record(z.string(), role)).optional(),
        t: encrypted(z.string()).optional(),
      }),
    }),
  )
  await store.client.kv.put(`${root}/d`, '{"v":{},"t":"livetree:remove"}')
  await using admin = createAdmin(definition, { author: 'ana' })
  expect((await admin.encrypted()).plaintext).toEqual([])
  await using config = await definition.load({ logger: false, keys: strict })
  expect(config.current).toEqual({ d: { v: {} } })
})

test('an empty part where anything may be is encrypted as what it is', async () => {
  const { definition, root } = definitionOf(
    z.object({ d: z.object({ n: z.number(), v: encrypted(z.record(z.string(), z.unknown())).optional() }) }),
  )
  await store.client.kv.put(`${root}/d`, '{"n":3}')
  await using admin = createAdmin(definition, { author: 'ana' })
  await admin.set('d.v', { a: {} })
  await using config = await definition.load({ logger: false, keys: strict })
  expect(config.current).toEqual({ d: { n: 3, v: { a: {} } } })
  await store.client.kv.put(`${root}/d`, '{"n":3,"v":{"b":[]}}')
  await (await admin.rotateSecrets({ plaintext: 'encrypt' })).plan.apply()
  await config.refresh()
  expect(config.current).toEqual({ d: { n: 3, v: { b: [] } } })
})
