import { createAdmin, type Plan } from '@livetree/admin'
import { defineConfig, etcd, keyring, secret } from 'livetree'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore, encrypted } from './embedded-store.ts'

/** What somebody who has no key wrote into the store. */
const FOREIGN = 'FOREIGNTXT'
const key = (id: string, byte: number) => ({ id, key: Buffer.alloc(32, byte) })
const HERE = key('here', 1)
const THERE = key('there', 2)

const store = embeddedStore()

let count = 0
type Policy = 'reject' | 'accept'

function worldOf(schema: z.ZodObject, plaintext: Policy, current = HERE, root = `/config/${++count}`) {
  const sources = () => [etcd({ endpoints: [store.endpoint], root, overlays: ['base', 'prod'] })]
  const keys = () => keyring({ current, plaintext })
  return createAdmin(defineConfig({ name: 'origins', schema, sources, keys }), { author: 'ana' })
}

const put = async (at: string, text: string) => (await store.client.kv.put(at, text)).header.revision
/** What a key holds, and those below it. */
async function textAt(at: string): Promise<string> {
  const { entries } = await store.client.kv.getRange({ prefix: at })
  return entries.map(({ text }) => text).join(' ')
}

/** Stores a secret with an envelope, in the form of its shape. */
async function putSealed(shape: (typeof shapes)[number], root: string, current = HERE): Promise<string> {
  const at = `${root}/prod/${shape.key}`
  await put(at, shape.text('REAL'))
  await using admin = worldOf(shape.schema, 'accept', current, root)
  await (await admin.rotateSecrets({ plaintext: 'encrypt' })).plan.apply()
  const real = await textAt(at)
  expect(real).toContain('livetree:encrypted:')
  expect(real).not.toContain('REAL')
  return real
}

/** The forms in which one secret may be stored, each beside another that has an envelope. */
const shapes: readonly {
  readonly name: string
  readonly schema: z.ZodObject
  readonly path: string
  /** The key that holds it, and its text with the secret in it. */
  readonly key: string
  readonly text: (secret: string) => string
}[] = [
  {
    name: 'a key',
    schema: z.object({ p: encrypted(z.string()).optional(), n: z.number().default(0) }),
    ...{ path: 'p', key: 'p', text: (p) => p },
  },
  {
    name: 'a value of a document',
    schema: z.object({ d: z.object({ v: encrypted(z.string()), n: z.number().default(1) }).optional() }),
    ...{ path: 'd.v', key: 'd', text: (v) => JSON.stringify({ v, n: 1 }) },
  },
  {
    name: 'an item of a list',
    schema: z.object({ l: z.array(encrypted(z.string())).optional() }),
    ...{ path: 'l', key: 'l', text: (v) => JSON.stringify(['x', v]) },
  },
  {
    name: 'an object that is encrypted',
    schema: z.object({ o: encrypted(z.object({ a: z.string() })).optional() }),
    ...{ path: 'o', key: 'o', text: (a) => JSON.stringify({ a }) },
  },
  {
    name: 'a list that is encrypted',
    schema: z.object({ l: encrypted(z.array(z.string())).optional() }),
    ...{ path: 'l', key: 'l', text: (v) => JSON.stringify([v]) },
  },
  {
    name: 'text that looks like a document',
    schema: z.object({ p: encrypted(z.string()).optional() }),
    ...{ path: 'p', key: 'p', text: (p) => JSON.stringify({ p }) },
  },
]

/** What is planned keeps the form of the store's text, and is judged as that. */
async function expectUnsealed(plan: Plan, at: string, before: string, policy: Policy): Promise<void> {
  const codes = plan.issues.map(({ code }) => code)
  if (policy === 'reject') {
    expect(codes).toContain('not_encrypted')
    await expect(plan.apply()).rejects.toMatchObject({ code: 'invalid_tree' })
    expect(await textAt(at)).toBe(before)
  } else expect(codes).toEqual([])
  expect(plan.changes.every(({ encryptedWith }) => encryptedWith === undefined)).toBe(true)
  await plan.apply({ force: true })
  expect(await textAt(at)).toContain(FOREIGN)
}

describe.each(shapes)('what the store holds in plain text stays plain text: $name', (shape) => {
  const foreign = shape.text(FOREIGN)

  test.each<Policy>(['reject', 'accept'])('a rollback, as a whole and of a path (%s)', async (policy) => {
    for (const only of [undefined, [shape.path]]) {
      const root = `/config/${++count}`
      await using admin = worldOf(shape.schema, policy, HERE, root)
      const at = `${root}/prod/${shape.key}`
      const real = await putSealed(shape, root)
      const to = await put(at, foreign)
      await put(at, real)
      await expectUnsealed(
        await admin.rollback({ to, overlay: 'prod', ...(only !== undefined && { only }) }),
        at,
        real,
        policy,
      )
      // What was an envelope then is one again, the same.
      const back = await admin.rollback({ to: to - 1, overlay: 'prod' })
      expect(back.issues).toEqual([])
      await back.apply()
      expect(await textAt(at)).toBe(real)
    }
  })

  test.each<Policy>(['reject', 'accept'])('a promotion from another layer (%s)', async (policy) => {
    const root = `/config/${++count}`
    await using admin = worldOf(shape.schema, policy, HERE, root)
    const at = `${root}/prod/${shape.key}`
    const real = await putSealed(shape, root)
    await put(`${root}/base/${shape.key}`, foreign)
    const plan = await admin.promote({ from: { overlay: 'base' }, only: [shape.path], overlay: 'prod' })
    await expectUnsealed(plan, at, real, policy)
  })

  test('a promotion of the whole tree, where the keyring accepts plain text', async () => {
    const root = `/config/${++count}`
    await using admin = worldOf(shape.schema, 'accept', HERE, root)
    await put(`${root}/base/${shape.key}`, foreign)
    const plan = await admin.promote({ from: 'now', only: [shape.path], overlay: 'prod' })
    await expectUnsealed(plan, `${root}/prod/${shape.key}`, '', 'accept')
  })

  test('a promotion of the whole tree encrypts what an envelope above plain text has', async () => {
    const root = `/config/${++count}`
    await using admin = worldOf(shape.schema, 'accept', HERE, root)
    await putSealed(shape, root)
    await put(`${root}/base/${shape.key}`, foreign)
    const plan = await admin.promote({ from: 'now', only: [shape.path], overlay: 'base' })
    expect(plan.issues).toEqual([])
    await plan.apply()
    const text = await textAt(`${root}/base/${shape.key}`)
    expect(text).toMatch(/livetree:encrypted:[12]:here:/)
    expect(text).not.toMatch(/REAL|FOREIGN/)
  })

  test('a promotion of what another environment has', async () => {
    const [here, there] = [`/config/${++count}`, `/config/${++count}`]
    await using admin = worldOf(shape.schema, 'reject', HERE, here)
    await using other = worldOf(shape.schema, 'reject', THERE, there)
    const at = `${here}/prod/${shape.key}`
    const taken = async () => {
      const { text, plaintext } = await other.export({ overlay: 'prod', format: 'json', reveal: true })
      return admin.promote({ from: { text, plaintext }, only: [shape.path], overlay: 'prod' })
    }
    // What opens there is encrypted here.
    await putSealed(shape, there, THERE)
    const plan = await taken()
    expect(plan.issues).toEqual([])
    await plan.apply()
    const real = await textAt(at)
    expect(real).toMatch(/livetree:encrypted:[12]:here:/)
    expect(real).not.toContain('REAL')
    await put(`${there}/prod/${shape.key}`, foreign)
    await expectUnsealed(await taken(), at, real, 'reject')
  })

  test('a rotation that does not ask for plain text', async () => {
    const root = `/config/${++count}`
    await using admin = worldOf(shape.schema, 'accept', HERE, root)
    await put(`${root}/prod/${shape.key}`, foreign)
    const { plan } = await admin.rotateSecrets()
    expect(plan.changes).toEqual([])
  })
})

test('a rotation leaves plain text beside an envelope that it renews', async () => {
  const schema = z.object({ d: z.object({ a: encrypted(z.string()), b: encrypted(z.string()) }).optional() })
  const root = `/config/${++count}`
  await using before = worldOf(schema, 'accept', HERE, root)
  await before.set('d', { a: 'REAL', b: 'REAL2' }, { overlay: 'prod' })
  const { a } = { a: await textAt(`${root}/prod/d/a`) }
  await store.client.kv.deleteRange({ prefix: `${root}/prod/d` })
  await put(`${root}/prod/d`, JSON.stringify({ a, b: FOREIGN }))
  const sources = () => [etcd({ endpoints: [store.endpoint], root, overlays: ['base', 'prod'] })]
  const keys = () => keyring({ current: THERE, previous: HERE, plaintext: 'accept' })
  await using admin = createAdmin(defineConfig({ name: 'origins', schema, sources, keys }), { author: 'ana' })
  const { plan, renewed } = await admin.rotateSecrets()
  expect(renewed).toBe(1)
  await plan.apply()
  const text = await textAt(`${root}/prod/d`)
  expect(text).toContain('livetree:encrypted:1:there:')
  expect(text).toContain(`"b":"${FOREIGN}"`)
})

test('what is not encrypted where it is from is encrypted where it is put', async () => {
  const plain = z.object({ p: secret(z.string()).optional() })
  const marked = z.object({ p: encrypted(z.string()).optional() })
  const [here, there] = [`/config/${++count}`, `/config/${++count}`]
  await using admin = worldOf(marked, 'reject', HERE, here)
  await using other = worldOf(plain, 'reject', THERE, there)
  await other.set('p', 'REAL', { overlay: 'prod' })
  const { text, plaintext } = await other.export({ overlay: 'prod', format: 'json', reveal: true })
  const plan = await admin.promote({ from: { text, plaintext }, only: ['p'], overlay: 'prod' })
  await plan.apply()
  expect(await textAt(`${here}/prod/p`)).toMatch(/livetree:encrypted:[12]:here:/)
})

test('a promotion of one part of an encrypted object encrypts the parts beside it', async () => {
  const schema = z.object({ o: encrypted(z.object({ a: z.string(), b: z.string() })).optional() })
  const root = `/config/${++count}`
  await using admin = worldOf(schema, 'accept', HERE, root)
  await put(`${root}/prod/o`, '{"a":"x","b":"y"}')
  await (await admin.rotateSecrets({ plaintext: 'encrypt' })).plan.apply()
  await put(`${root}/base/o`, JSON.stringify({ a: FOREIGN, b: FOREIGN }))
  const plan = await admin.promote({ from: { overlay: 'base' }, only: ['o.a'], overlay: 'prod' })
  await plan.apply()
  const text = await textAt(`${root}/prod/o`)
  expect(text).toContain(`"a":"${FOREIGN}"`)
  expect(text).toMatch(/"b":"livetree:encrypted:/)
  expect((await admin.read()).value).toEqual({ o: { a: FOREIGN, b: 'y' } })
})
