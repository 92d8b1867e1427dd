import { createAdmin } from '@livetree/admin'
import { defineConfig, etcd, keyring } from 'livetree'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore, encrypted } from './embedded-store.ts'

const key = (id: string, byte: number) => ({ id, key: Buffer.alloc(32, byte) })
const OLD = key('k0', 1)
const NEW = key('k1', 2)
const P = 'PLAINP'
const Q = 'PLAINQ'

const store = embeddedStore()

const text = () => z.string().optional()
/** What two places of one shared directory ask for. */
const marks: readonly (readonly [name: string, a: z.ZodType, b: z.ZodType])[] = [
  [
    'one secret each',
    z.object({ p: encrypted(z.string()).optional() }),
    z.object({ q: encrypted(z.string()).optional() }),
  ],
  [
    'the same secrets',
    z.object({ p: encrypted(text()), q: encrypted(text()) }),
    z.object({ p: encrypted(text()), q: encrypted(text()) }),
  ],
  [
    'one all of it, the other a part',
    encrypted(z.object({ p: text(), q: text() })),
    z.object({ q: encrypted(text()) }),
  ],
  [
    'one a part, the other all of it',
    z.object({ p: encrypted(text()) }),
    encrypted(z.object({ p: text(), q: text() })),
  ],
]
const forms = ['keys', 'a document'] as const

let count = 0

describe.each(marks)('a shared directory of which %s is encrypted', (_, a, b) => {
  const worldOf = async (form: (typeof forms)[number], stored = '{}') => {
    const prefix = `/config/${++count}/redis`
    const isBelow = form === 'a document'
    const placed = (of: z.ZodType) => (isBelow ? z.object({ in: of.optional() }) : of).optional()
    const at = isBelow ? '.in' : ''
    if (isBelow) await store.client.kv.put(`${prefix}/in`, stored)
    const definitionOf = (
      current: typeof OLD,
      previous: readonly (typeof OLD)[],
      plaintext: 'reject' | 'accept',
    ) =>
      defineConfig({
        name: 'shared',
        schema: z.object({ a: placed(a), b: placed(b) }),
        sources: () => [etcd({ endpoints: [store.endpoint], layers: [{ prefix, at: ['a', 'b'] }] })],
        keys: () => keyring({ current, previous, plaintext }),
      })
    const all = async () => {
      const { entries } = await store.client.kv.getRange({ prefix: '/' })
      return entries
        .filter((entry) => entry.key.includes(prefix))
        .map((entry) => `${entry.key}=${entry.text}`)
        .join('\n')
    }
    return { definitionOf, all, at }
  }
  /** All texts in a value. */
  const readOf = (value: unknown): string =>
    typeof value === 'object' && value !== null ? Object.values(value).map(readOf).join() : String(value)

  test.each(forms)('both are sealed, listed, opened and rotated: %s', async (form) => {
    const { definitionOf, all, at } = await worldOf(form)
    for (const plaintext of ['reject', 'accept'] as const) {
      await using admin = createAdmin(definitionOf(OLD, [], plaintext), { author: 'ana' })
      await admin.set(`a${at}.p`, P)
      await admin.set(`b${at}.q`, Q)
      expect(await all()).not.toMatch(/PLAIN/)
      const { values, plaintext: plain } = await admin.encrypted()
      expect(values).toMatchObject([
        { keyId: 'k0', isOpen: true },
        { keyId: 'k0', isOpen: true },
      ])
      expect(plain).toEqual([])
      const revealed = (await admin.read())
        .entries({ reveal: true })
        .map((entry) => entry.text)
        .join('\n')
      expect(revealed).toContain(P)
      expect(revealed).toContain(Q)
      expect((await admin.export({ layer: admin.layers[0]?.keyPrefix.slice(0, -1) })).text).not.toMatch(
        /PLAIN/,
      )
    }
    await using rotating = createAdmin(definitionOf(NEW, [OLD], 'reject'), { author: 'ana' })
    const { plan, renewed, unopened } = await rotating.rotateSecrets()
    expect({ renewed, unopened }).toEqual({ renewed: 2, unopened: [] })
    await plan.apply()
    expect(await all()).not.toMatch(/PLAIN/)
    // Without the old key
    await using config = await definitionOf(NEW, [], 'reject').load({ logger: false })
    const served = readOf(config.current)
    expect(served).toContain(P)
    expect(served).toContain(Q)
  })

  test('plain text of both in a document is listed, and encrypted when that is said', async () => {
    const { definitionOf, all } = await worldOf('a document', JSON.stringify({ p: P, q: Q }))
    await using admin = createAdmin(definitionOf(NEW, [], 'accept'), { author: 'ana' })
    expect((await admin.encrypted()).plaintext).toHaveLength(2)
    const { plan } = await admin.rotateSecrets({ plaintext: 'encrypt' })
    await plan.apply()
    const { values, plaintext } = await admin.encrypted()
    expect([values.length, plaintext]).toEqual([2, []])
    expect(await all()).toMatch(/livetree:encrypted:[12]:k1:/)
    expect(await all()).not.toMatch(/PLAIN/)
    await using config = await definitionOf(NEW, [], 'reject').load({ logger: false })
    expect(readOf(config.current)).toContain(Q)
  })
})

test.each(['keys', 'a document'])(
  'what one place takes in plain text and another asks to be encrypted is named as that: %s',
  async (form) => {
    const prefix = `/config/${++count}/redis`
    if (form === 'a document') await store.client.kv.put(`${prefix}/in`, '{}')
    const a = z.object({ in: z.object({ p: encrypted(text()) }).optional() }).optional()
    const b = z.object({ in: z.object({ p: text(), q: encrypted(text()) }).optional() }).optional()
    const definition = defineConfig({
      ...{ name: 'shared', schema: z.object({ a, b }) },
      sources: () => [etcd({ endpoints: [store.endpoint], layers: [{ prefix, at: ['a', 'b'] }] })],
      keys: () => keyring({ current: OLD }),
    })
    await using admin = createAdmin(definition, { author: 'ana' })
    const plan = await admin.change().set('a.in.p', P).plan()
    expect(plan.issues).toMatchObject([{ code: 'not_marked_encrypted', pathText: 'b.in.p' }])
    await plan.apply({ force: true })
    const { entries } = await store.client.kv.getRange({ prefix })
    expect(entries.map((entry) => entry.text).join()).toMatch(/livetree:encrypted:[12]:k0:/)
    expect(entries.map((entry) => entry.text).join()).not.toContain(P)
  },
)

test.each<[string, z.ZodType, z.ZodType]>([
  ['text and a list of secrets', z.string(), z.array(encrypted(z.string()))],
  ['secret text and a list of secrets', encrypted(z.string()), z.array(encrypted(z.string()))],
  ['anything secret and a list of secrets', encrypted(z.unknown()), z.array(encrypted(z.string()))],
])('a shared text that places read in two ways is left as it is, and named: %s', async (_, a, b) => {
  const schema = z.object({ a: z.object({ x: a }), b: z.object({ x: b }) })
  count += 1
  const prefix = `/config/both/${count}`
  const sources = () => [etcd({ endpoints: [store.endpoint], layers: [{ prefix, at: ['a', 'b'] }] })]
  const accept = keyring({ current: { id: 'k1', key: Buffer.alloc(32, 1) }, plaintext: 'accept' })
  const definition = defineConfig({ name: 'both', schema, sources, keys: () => accept })
  await store.client.kv.put(`${prefix}/x`, '["P1"]')
  await using config = await definition.load({ logger: false })
  const before = structuredClone(config.current)
  await using admin = createAdmin(definition, { author: 'ana' })
  const { plan, unwritable } = await admin.rotateSecrets({ plaintext: 'encrypt' })
  expect(unwritable.length).toBeGreaterThan(0)
  if (!plan.isEmpty) await plan.apply()
  await config.refresh()
  expect(config.status.rejected).toBeUndefined()
  expect(structuredClone(config.current)).toEqual(before)
})
