import { createAdmin } from '@livetree/admin'
import { toJsonSchema } from '@livetree/core/tools'
import { defineConfig, etcd, keyring } from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore, encrypted } from './embedded-store.ts'

const FIRST = { id: 'k0', key: Buffer.alloc(32, 1) }
const NEXT = { id: 'k1', key: Buffer.alloc(32, 2) }

const store = embeddedStore()
let count = 0

/** A record of which JSON Schema cannot say what is encrypted, and an admin by that JSON Schema. */
function setUp(keys = keyring({ current: FIRST })) {
  const own = { endpoints: [store.endpoint], root: `/config/unsaid-${++count}` }
  const part = z.object({ user: z.string().optional(), pw: encrypted(z.string()).optional() })
  const definition = defineConfig({
    name: 'unsaid',
    schema: z.object({
      m: z.looseRecord(z.string().regex(/^a/), part).default({}),
      n: z.number().default(0),
      pw: encrypted(z.string()).optional(),
    }),
    sources: () => [etcd(own)],
    keys: () => keyring({ current: FIRST, previous: NEXT }),
    guard: false,
  })
  const jsonSchema = JSON.parse(JSON.stringify(toJsonSchema(definition)))
  const adminOf = (ring = keys) => createAdmin({ store: own, jsonSchema, keys: ring, author: 'ana' })
  const textOf = async (path: string) => (await store.client.kv.get(`${own.root}/${path}`))?.text
  const put = (path: string, text: string) => store.client.kv.put(`${own.root}/${path}`, text)
  return { definition, adminOf, textOf, put, owner: createAdmin(definition, { author: 'ana' }) }
}

const UNSAID = { code: 'unwritable_value', message: expect.stringContaining('Write it with the definition') }

test.each<[string, string, unknown]>([
  ['a part', 'm', { ab: { user: 'root', pw: 'x' } }],
  ['the secret', 'm.ab.pw', 'x'],
  ['what is not encrypted', 'm.ab.user', 'root'],
  ['a number', 'm.ab.user', 5],
])(
  'an admin by JSON Schema refuses plain text where the schema does not say what is encrypted: %s',
  async (_name, path, value) => {
    const { adminOf, textOf } = setUp()
    await using admin = adminOf()
    await expect(admin.set(path, value, { force: true })).rejects.toMatchObject(UNSAID)
    await expect(admin.set(path, value)).rejects.toThrow(
      /"m(\.ab(\.(user|pw))?)?" cannot be written in plain text/,
    )
    expect(await textOf('m/ab/user')).toBeUndefined()
  },
)

test('it writes the rest of such a tree, and envelopes as they are', async () => {
  const { definition, adminOf, textOf, owner } = setUp()
  await using _owner = owner
  await owner.set('m', { ab: { user: 'root', pw: 'hidden' } })
  const envelope = await textOf('m/ab/pw')
  await using admin = adminOf()
  const before = await admin.read()
  expect([before.isValid, before.issues]).toEqual([true, []])
  await admin.set('n', 1)
  await admin.set('pw', 'other')
  const { revision } = await admin.read()
  await admin.unset('m.ab')
  await (await admin.rollback({ to: revision, only: ['m.ab.pw'] })).apply()
  expect(await textOf('m/ab/pw')).toBe(envelope)
  await using config = await definition.load({ logger: false })
  expect(config.current).toEqual({ n: 1, pw: 'other', m: { ab: { pw: 'hidden' } } })
  const shown = JSON.stringify([await admin.export(), (await admin.read()).entries(), before.redacted()])
  expect(shown).not.toMatch(/root|hidden/)
})

test('it names plain text that instances refuse elsewhere', async () => {
  const { adminOf, put, owner } = setUp()
  await using _owner = owner
  await owner.set('m', { ab: { user: 'root', pw: 'hidden' } })
  await put('pw', 'open')
  await using admin = adminOf()
  const { isValid, issues } = await admin.read()
  expect([isValid, issues.map(({ code, pathText }) => [code, pathText])]).toEqual([
    false,
    [['not_encrypted', 'pw']],
  ])
  await expect(admin.set('n', 1)).rejects.toMatchObject({ code: 'invalid_tree' })
})

test('it rotates envelopes there, and makes none of plain text', async () => {
  const { definition, adminOf, textOf, owner } = setUp()
  await using _owner = owner
  await owner.set('m', { ab: { user: 'root', pw: 'hidden' } })
  await using admin = adminOf(keyring({ current: NEXT, previous: FIRST }))
  await expect(admin.rotateSecrets({ plaintext: 'encrypt' })).rejects.toMatchObject(UNSAID)
  const { plan } = await admin.rotateSecrets()
  await plan.apply()
  expect(await textOf('m/ab/pw')).toMatch(/^livetree:encrypted:1:k1:/)
  expect(await textOf('m/ab/user')).toBe('root')
  await using config = await definition.load({ logger: false })
  expect(config.current.m).toEqual({ ab: { user: 'root', pw: 'hidden' } })
})

test.each<[string, string, string]>([
  ['of one key each', 'm/ab/pw', 'ATTACKER'],
  ['of a document', 'm', '{"ab":{"pw":"ATTACKER"}}'],
])('it promotes no plain text of another store into such a place: %s', async (_name, path, text) => {
  const staging = setUp()
  await staging.put(path, text)
  await using from = staging.adminOf()
  const { adminOf, textOf } = setUp()
  await using admin = adminOf()
  const { text: exported, plaintext } = await from.export({ reveal: true })
  await expect(admin.promote({ from: { text: exported, plaintext }, only: ['m'] })).rejects.toMatchObject(
    UNSAID,
  )
  expect(await textOf(path)).toBeUndefined()
})

test('it edits what is beside plain text in a document', async () => {
  const { definition, adminOf, owner, put, textOf } = setUp()
  await using _owner = owner
  await owner.set('m', { ab: { user: 'root', pw: 'hidden' } })
  const pw = await textOf('m/ab/pw')
  await owner.unset('m')
  await put('m', JSON.stringify({ ab: { user: 'root', pw }, ac: { user: 'guest', pw } }))
  await using admin = adminOf()
  await admin.unset('m.ac')
  await using config = await definition.load({ logger: false })
  expect(config.current.m).toEqual({ ab: { user: 'root', pw: 'hidden' } })
})
