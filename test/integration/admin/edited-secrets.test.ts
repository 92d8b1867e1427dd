import { createAdmin } from '@livetree/admin'
import { defineConfig, keyring } from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore, encrypted } from './embedded-store.ts'

/** What somebody who has no key wrote into the store. */
const FOREIGN = 'FOREIGNTXT'
const store = embeddedStore()
const text = encrypted(z.string())
const item = z.object({ pw: text, h: z.string() })
const plain = { pw: FOREIGN, h: 'q' }
let count = 0

test.each([
  ['a list in a document', z.array(item), { db: JSON.stringify([plain]) }],
  ['a list of documents', z.array(item), { 'db/0': JSON.stringify(plain) }],
  ['a list of keys', z.array(item), { 'db/0/pw': FOREIGN, 'db/0/h': 'q' }],
  [
    'a list of keys with gaps',
    z.array(item),
    { 'db/4/pw': 'OTHER', 'db/4/h': 'x', 'db/9/pw': FOREIGN, 'db/9/h': 'q' },
  ],
  ['a list in a record', z.record(z.string(), z.array(item)), { 'db/k': JSON.stringify([plain]) }],
  ['a list of lists', z.array(z.array(item)), { 'db/0': JSON.stringify([plain]) }],
  ['a tuple', z.tuple([text, z.string()]), { db: JSON.stringify([FOREIGN, 'q']) }],
  ['a set', z.set(item), { db: JSON.stringify([plain]) }],
  [
    'a list of numbers',
    z.array(z.object({ n: encrypted(z.number()), pw: text, h: z.string() })),
    {
      db: `[{"n":1.50,"pw":"${FOREIGN}","h":"q"}]`,
    },
  ],
  [
    'a list that is encrypted as a whole',
    encrypted(z.array(z.string())),
    { db: JSON.stringify([FOREIGN, 'q']) },
  ],
])('plain text beside what was edited gets no envelope: %s', async (_, schema, keys) => {
  const root = `/config/${++count}`
  for (const [key, value] of Object.entries(keys)) await store.client.kv.put(`${root}/${key}`, value)
  const definition = defineConfig({
    name: 'edited',
    schema: z.object({ db: schema.optional() }),
    guard: false,
    keys: () => keyring({ current: { id: 'k1', key: Buffer.alloc(32, 1) } }),
  })
  await using admin = createAdmin(definition, { store: { endpoints: store.endpoint, root } })
  const exported = await admin.export({ layer: root, reveal: true })
  const edited = exported.text.replace(/ q$/m, ' z')
  expect(edited).not.toBe(exported.text)
  const plan = await admin.change().setEdited(exported.text, edited).plan()
  expect(plan.issues.map(({ code }) => code)).toContain('not_encrypted')
  await plan.apply({ force: true })
  const { entries } = await store.client.kv.getRange({ prefix: `${root}/db` })
  const stored = entries.map((entry) => entry.text).join()
  expect(stored).toContain(FOREIGN)
  expect(stored).not.toContain('"q"')
  if (stored.includes('"n"')) expect(stored).toContain('1.50')
})

test('what was encrypted stays so beside the same text in plain, and is refused where it moves', async () => {
  const root = `/config/${++count}`
  const definition = defineConfig({
    name: 'edited',
    schema: z.object({ db: z.array(item).optional() }),
    keys: () => keyring({ current: { id: 'k1', key: Buffer.alloc(32, 1) }, plaintext: 'accept' }),
  })
  await using admin = createAdmin(definition, { store: { endpoints: store.endpoint, root } })
  const items = [
    { pw: 'SAME', h: 'a' },
    { pw: 'OTHER', h: 'b' },
  ]
  await admin.set('db', items)
  const storedOf = async () => (await store.client.kv.get(`${root}/db`))?.text ?? ''
  const sealed = JSON.parse(await storedOf()) as object[]
  await store.client.kv.put(`${root}/db`, JSON.stringify([...sealed, { pw: 'SAME', h: 'c' }]))
  const edit = async (from: string, to: string) => {
    const { text: before } = await admin.export({ layer: root, reveal: true })
    expect(before).toContain(from)
    return admin.change().setEdited(before, before.replace(from, to)).plan()
  }
  await (await edit('h: b', 'h: z')).apply()
  expect((await storedOf()).match(/livetree:encrypted:/g)).toHaveLength(2)
  expect((await storedOf()).match(/SAME/g)).toHaveLength(1)
  await expect(edit('db:', 'db:\n  - { pw: NEW, h: n }')).rejects.toMatchObject({ code: 'secret_text' })
  // What has no such text beside it moves.
  await store.client.kv.put(`${root}/db`, JSON.stringify([...sealed, { pw: FOREIGN, h: 'c' }]))
  await (await edit('db:', 'db:\n  - { pw: NEW, h: n }')).apply()
  expect((await storedOf()).match(/livetree:encrypted:/g)).toHaveLength(3)
  expect(await storedOf()).toContain(FOREIGN)
})

test('no edit encrypts a text that the layer has in plain text elsewhere', async () => {
  const root = `/config/${++count}`
  const definition = defineConfig({
    name: 'edited',
    schema: z.object({
      db: item.optional(),
      whole: encrypted(z.object({ a: z.string(), n: z.number() })).optional(),
      other: item.optional(),
      all: z.array(item).optional(),
    }),
    keys: () => keyring({ current: { id: 'k1', key: Buffer.alloc(32, 1) }, plaintext: 'accept' }),
  })
  await using admin = createAdmin(definition, { store: { endpoints: store.endpoint, root } })
  await store.client.kv.put(`${root}/db/pw`, FOREIGN)
  await store.client.kv.put(`${root}/db/h`, 'h')
  await store.client.kv.put(`${root}/whole`, JSON.stringify({ a: `${FOREIGN}2`, n: 4711 }))
  const { text: before } = await admin.export({ layer: root, format: 'json', reveal: true })
  const given = JSON.parse(before) as object
  const edit = (added: object) => admin.change().setEdited(before, JSON.stringify({ ...given, ...added }))
  for (const pw of [FOREIGN, `${FOREIGN}2`, '4711'])
    for (const added of [{ other: { pw, h: 'h' } }, { all: [{ pw, h: 'h' }] }]) {
      const refused = (await edit(added)
        .plan()
        .catch((error: unknown) => error)) as Error
      expect(refused).toMatchObject({ code: 'secret_text' })
      expect(refused.message).toMatch(/at "(other|all\.0)\.pw" .* at "(db\.pw|whole(\.[an])?)".* set\(\)/)
      expect(refused.message).not.toContain(pw)
    }
  expect((await edit({ all: [{ pw: 'NEW', h: 'h' }] }).plan()).isEmpty).toBe(false)
  // What somebody gives for a place is encrypted, also beside an edit.
  const plan = await edit({ all: [{ pw: 'NEW', h: 'h' }] })
    .set('other', { pw: FOREIGN, h: 'h' })
    .plan()
  await plan.apply()
  const { entries } = await store.client.kv.getRange({ prefix: `${root}/other` })
  expect(entries.map((entry) => entry.text).join()).toMatch(/livetree:encrypted:/)
  expect((await store.client.kv.get(`${root}/db/pw`))?.text).toBe(FOREIGN)
})
