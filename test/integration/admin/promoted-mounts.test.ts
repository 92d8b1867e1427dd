import { createAdmin } from '@livetree/admin'
import { defineConfig, keyring } from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore, encrypted } from './embedded-store.ts'

const store = embeddedStore()
let count = 0

const text = z.string().optional()
const part = z.object({ pw: encrypted(z.string()).optional(), host: text }).optional()
const schema = z.object({ in: z.object({ a: part, b: part, c: part }).optional(), q: text })

/** A shared layer that is mounted, and one of the service's own, which has something everywhere. */
async function worldOf(at: string | readonly string[], keys: Readonly<Record<string, string>>) {
  const root = `/promoted/${++count}`
  const [own, shared] = [`${root}/own`, `${root}/shared`]
  const old = { 'in/a/host': 'A', 'in/b/host': 'B', 'in/c/host': 'C', q: 'Q' }
  for (const [name, value] of Object.entries(keys)) await store.client.kv.put(`${shared}/${name}`, value)
  for (const [name, value] of Object.entries(old)) await store.client.kv.put(`${own}/${name}`, value)
  const definition = defineConfig({ name: 'promoted', schema, guard: false })
  const admin = createAdmin(definition, {
    store: { endpoints: store.endpoint, layers: [{ prefix: shared, at }, { prefix: own }] },
    keys: keyring({ current: { id: 'k1', key: Buffer.alloc(32, 1) } }),
  })
  const promoted = async (only: readonly string[], from: object = { layer: shared }) => {
    const plan = await admin.promote({ from: from as { layer: string }, only, layer: own })
    return plan.changes.map(({ key, after }) => [key.slice(own.length + 1), after?.text])
  }
  return { admin, shared, own, promoted }
}

// Only there the schema is asked what the names of the layer are; another place may have another part of it.
test('a layer that is mounted at several places is promoted by the first, and removes nothing at the others', async () => {
  const { admin, shared, promoted } = await worldOf(['in.a', 'in.b'], { host: 'S' })
  await using _ = admin
  expect(await promoted(['in.a.host'])).toEqual([['in/a/host', 'S']])
  const refused = {
    code: 'invalid_path',
    message: expect.stringMatching(/by the first of these places, not by "in\.b\.host"\. Name "in\.a\.host"/),
  }
  await expect(promoted(['in.b.host'])).rejects.toMatchObject(refused)
  await expect(promoted(['in.a.host', 'in.b.host'])).rejects.toMatchObject(refused)
  const text = { from: { text: 'host: T\n' }, layer: shared }
  const plan = await admin.promote({ ...text, only: ['in.a.host'] })
  expect(plan.changes.map(({ key, after }) => [key, after?.text])).toEqual([[`${shared}/host`, 'T']])
  await expect(admin.promote({ ...text, only: ['in.b.host'] })).rejects.toMatchObject(refused)
})

// What a layer has no place for is not removed elsewhere because the layer lacks it.
test.each([
  ['in.a', ['in.c.host', 'in.c', 'q']],
  [
    ['in.a', 'in.b'],
    ['in.c.host', 'in.c', 'q', 'in'],
  ],
] as const)('nothing is promoted to where a layer at %j has no place', async (at, paths) => {
  const { admin, promoted } = await worldOf(at, { host: 'S' })
  await using _ = admin
  for (const path of paths)
    await expect(promoted([path])).rejects.toMatchObject({
      code: 'invalid_path',
      message: expect.stringContaining(`"${path}" is not below that`),
    })
})

// There is no item at the first place, so that an index of one would be taken as a name.
test.each(['in.a.it', 'in.a.it.1', 'in.a.o.pw'])(
  'what another place alone knows is not promoted by the first: %s',
  async (path) => {
    const prefix = `/promoted/${++count}/shared`
    const pw = z.object({ pw: text, h: text })
    const a = z.object({ host: text }).optional()
    const b = z.object({ host: text, it: z.array(pw).optional(), o: pw.optional() }).optional()
    const definition = defineConfig({
      name: 'known',
      schema: z.object({ in: z.object({ a, b }).optional() }),
    })
    await using admin = createAdmin(definition, {
      store: { endpoints: store.endpoint, layers: [{ prefix, at: ['in.a', 'in.b'] }] },
    })
    const keys = { 'it/2/pw': 'ONE', 'it/7/pw': 'TWO', o: '{"pw":"PW"}', host: 'S' }
    for (const [key, value] of Object.entries(keys)) await store.client.kv.put(`${prefix}/${key}`, value)
    const { text: json } = await admin.export({ layer: prefix, format: 'json', reveal: true })
    const list = JSON.stringify({ ...(JSON.parse(json) as object), it: [{ pw: 'ONE' }, { pw: 'TWO' }] })
    for (const from of [{ layer: prefix }, { text: json }, { text: list }]) {
      await expect(admin.promote({ from, only: [path], layer: prefix })).rejects.toMatchObject({
        code: 'invalid_path',
        message: expect.stringContaining(`schema does not have "${path}"`),
      })
      expect((await admin.promote({ from, only: ['in.a.host'], layer: prefix })).isEmpty).toBe(true)
    }
  },
)
