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
