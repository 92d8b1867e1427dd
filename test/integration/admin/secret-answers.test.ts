import { createAdmin } from '@livetree/admin'
import { defineConfig, etcd, keyring, restart, secret } from 'livetree'
import { joinFleet } from 'livetree/fleet'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore, encrypted } from './embedded-store.ts'

const key = (id: string, byte: number) => ({ id, key: Buffer.alloc(32, byte) })
const OLD = key('k0', 1)
const NEW = key('k1', 2)

const store = embeddedStore()

let count = 0
const newRoot = () => `/config/${++count}`

function definitionOf(root: string, schema: z.ZodObject, ...keys: (typeof OLD)[]) {
  const [current = OLD, ...previous] = keys
  return defineConfig({
    ...{ name: 'answers', schema, sources: () => [etcd({ endpoints: [store.endpoint], root })] },
    keys: () => keyring({ current, previous }),
  })
}
const adminOf = (...args: Parameters<typeof definitionOf>) =>
  createAdmin(definitionOf(...args), { author: 'ana' })

async function storedBelow(root: string): Promise<string> {
  const { entries } = await store.client.kv.getRange({ prefix: `${root}/` })
  return entries.map((entry) => `${entry.key}=${entry.text}`).join('\n')
}

/** Each kind of place that has envelopes, and the value in it. */
const schema = z.object({
  p: encrypted(z.string()).optional(),
  port: encrypted(z.number()).optional(),
  d: z.object({ v: encrypted(z.string()), port: encrypted(z.number()), n: z.number() }).optional(),
  l: encrypted(z.array(z.string())).optional(),
  items: z.array(encrypted(z.string())).optional(),
  o: encrypted(z.object({ a: z.string(), b: z.number() })).optional(),
})
const value = {
  ...{ p: 'x', port: 5, d: { v: 'y', port: 6, n: 1 }, l: ['a', 'b'], items: ['c', 'd'] },
  o: { a: 'z', b: 7 },
}
const inKeys = () => Promise.resolve()
const inDocuments = async (root: string) => {
  for (const name of ['d', 'o']) await store.client.kv.put(`${root}/${name}`, '{}')
}

describe.each([
  ['in keys', inKeys],
  ['in documents', inDocuments],
])('envelopes of a file: %s', (_, prepare) => {
  const prepared = async (...keys: (typeof OLD)[]) => {
    const root = newRoot()
    await prepare(root)
    await using admin = adminOf(root, schema, ...keys)
    await (await admin.import(JSON.stringify(value), { layer: root })).apply({ force: true })
    return { root, text: (await admin.export({ layer: root })).text }
  }

  test('a comparison opens them, as those of the store', async () => {
    const { root, text } = await prepared(OLD)
    await using admin = adminOf(root, schema, OLD)
    expect(text).toContain('livetree:encrypted:1:k0:')
    expect(await admin.diff({ text }, { layer: root })).toEqual([])
    expect(await admin.diff({ layer: root }, { text })).toEqual([])
    expect(await admin.diff({ text }, { text: JSON.stringify(value) })).toEqual([])
    expect(await admin.diff('now', { text })).toEqual([])
    await admin.set('p', 'other')
    expect(await admin.diff({ text }, { layer: root })).toMatchObject([
      { type: 'changed', pathText: 'p', previous: '[secret]', next: '[secret]' },
    ])
    // Without their key they are compared as they are.
    await using without = adminOf(root, schema, NEW)
    expect(await without.diff({ text }, { text })).toEqual([])
  })

  test('an import leaves the envelope of the store where the text is the same', async () => {
    const there = await prepared(OLD)
    const here = await prepared(NEW)
    const before = await storedBelow(here.root)
    await using admin = adminOf(here.root, schema, NEW, OLD)
    const plan = await admin.import(there.text, { layer: here.root })
    expect(plan.changes.map(({ pathText }) => pathText)).toEqual([])
    await plan.apply()
    expect(await storedBelow(here.root)).toBe(before)
    expect(before).not.toContain(':k0:')
  })
})

test('a rotation, and a plan that only encrypts again, needs no restart', async () => {
  const marked = z.object({
    p: restart(encrypted(z.string())).optional(),
    d: restart(z.object({ v: encrypted(z.number()), n: z.number() })).optional(),
  })
  const root = newRoot()
  await store.client.kv.put(`${root}/d`, '{"n":1}')
  await using before = adminOf(root, marked, OLD)
  const first = await before
    .change()
    .set((c) => c['p'], 'x')
    .set((c) => c['d'], { v: 5, n: 1 })
    .plan()
  await first.apply()
  await using admin = adminOf(root, marked, NEW, OLD)
  const { plan } = await admin.rotateSecrets()
  expect(plan.changes.map(({ pathText, needsRestart }) => [pathText, needsRestart])).toEqual([
    ['d', false],
    ['p', false],
  ])
  await plan.apply()
  const to = (await store.client.kv.get(`${root}/p`))?.modRevision ?? 0
  const back = await admin.rollback({ to: to - 1 })
  expect(back.changes.map(({ needsRestart }) => needsRestart)).toEqual([false, false])
  const changed = await admin
    .change()
    .set((c) => c['p'], 'y')
    .plan()
  expect(changed.changes).toMatchObject([{ needsRestart: true }])
})

test.each([
  '{"a":"livetree:encrypted:1:k0:AAAA","b":"x"}',
  '["livetree:encrypted:1:k0:AAAA"]',
  '{"a":"livetree:remove"}',
])('text that looks like a document is a secret text as any other: %s', async (text) => {
  const texts = z.object({
    p: encrypted(z.string()).optional(),
    d: z.object({ p: encrypted(z.string()) }).optional(),
  })
  const root = newRoot()
  await store.client.kv.put(`${root}/d`, '{}')
  await using admin = adminOf(root, texts, OLD)
  await admin.set('p', text, { force: true })
  await admin.set('d', { p: text })
  expect((await admin.read()).value).toEqual({ p: text, d: { p: text } })
  for (const name of ['p', 'd/p']) {
    const stored =
      (await store.client.kv.get(`${root}/${name}`))?.text ?? (await store.client.kv.get(`${root}/d`))?.text
    expect(stored).toMatch(/livetree:encrypted:[12]:k0:[\w-]{30}/)
  }
})

describe('a preflight of a value beside a secret', () => {
  const shapes = {
    'that is absent': [encrypted(z.string()).optional(), '{"n":1}', 'rejected', []],
    'that is an empty list': [encrypted(z.array(z.string())).optional(), '{"v":[],"n":1}', 'rejected', []],
    'that is an empty object': [
      encrypted(z.record(z.string(), z.string())).optional(),
      '{"v":{},"n":1}',
      'rejected',
      [],
    ],
    'that nobody is sent': [secret(z.string()).optional(), '{"v":"plain","n":1}', 'incomplete', ['d']],
  } as const

  test.each(Object.entries(shapes))('%s', async (_, [v, text, outcome, hidden]) => {
    const shapeOf = (n: z.ZodType) => z.object({ d: z.object({ v, n }).optional() })
    const root = newRoot()
    await store.client.kv.put(`${root}/d`, text)
    await using config = await definitionOf(root, shapeOf(z.number().max(5))).load({ logger: false })
    const member = await joinFleet(config, { spreadMs: 0 })
    try {
      await using admin = adminOf(root, shapeOf(z.number()))
      await expect.poll(async () => (await admin.instances()).instances.length).toBe(1)
      const plan = await admin.change().set('d.n', 10).plan()
      expect(await plan.preflight()).toMatchObject({ outcome, hidden })
      if (hidden.length === 0) expect(plan.save().changes).toHaveLength(1)
    } finally {
      await member.leave()
    }
  })
})
