import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import type { LivetreeError } from '../errors.ts'
import type { LiveConfig } from '../live-config.ts'
import { secret } from '../schema/secret.ts'
import { decodeDocument, encodeDocument } from '../snapshot-file/snapshot-document.ts'
import { memory } from '../source/memory.ts'
import { type Leaf, Unreadable } from '../source/source.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { createTestClock } from '../testing/test-clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'livetree-withheld-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    tokens: z.record(z.string(), secret(z.string())).default({}),
    vault: secret(z.record(z.string(), z.string())).default({}),
    login: z
      .object({ user: z.string(), password: secret(z.string()), ports: z.record(z.string(), z.string()) })
      .partial()
      .default({}),
    plain: z.record(z.string(), z.string()).default({}),
  }),
})

type Tree = Readonly<Record<string, unknown>>
const many = (prefix: string, count = 10, value: unknown = 'hunter2'): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}k${index}`, value]))
const leavesOf = (tree: Tree, revision = 1): Leaf[] =>
  Object.entries(tree).map(([path, value]) => ({ path, value, revision }))

const PLAIN = { 'plain/a': '1', 'plain/b': '2' }
const VAULT = { vault: JSON.stringify(many('', 10)) }
const LOGIN = {
  login: JSON.stringify({ user: 'u', password: 'hunter2', ports: many('', 8), ...many('other', 50) }),
}
/** Trees of which most can only be told to be there. */
const TREES: readonly (readonly [string, Tree])[] = [
  ['secret leaves', many('tokens/')],
  ['leaves below a secret', many('vault/')],
  ['a secret document', VAULT],
  ['a document with a secret in it', LOGIN],
]
/** Trees of which no schema reads anything. */
const UNREAD: readonly (readonly [string, Tree])[] = [
  ['keys nobody knows', many('nobody/')],
  ['those that cannot be read', many('nobody/', 10, new Unreadable('not UTF-8'))],
]

/** Processes on one machine; the store is at the revision that is given. */
function machine(key?: string) {
  const path = join(folder, `${++files}.snapshot`)
  const clock = createTestClock()
  const start = async (
    at: number,
    leaves: readonly Leaf[],
    patches: readonly Tree[] = [],
    allowRemoval = false,
  ) => {
    const store = createManualSource({ name: 'store' })
    const loading = shop.load({
      sources: [store],
      snapshot: { path, intervalMs: 0, ...(key !== undefined && { key }) },
      clock,
      logger: false,
    })
    const layers = [leaves]
    const isKnown = patches.length > 0
    store.sink.replace({ revision: at, epoch: 0, store: 'a store', layers, isKnown, allowRemoval })
    for (const [index, patch] of patches.entries()) store.patch(at + 1 + index, patch)
    const config = await loading
    return { config, store }
  }
  return { path, start }
}

const isRefused = async (starting: Promise<{ config: LiveConfig<unknown> }>): Promise<boolean> => {
  const { config } = await starting.catch((error: { issues?: { code: string }[] }) => {
    expect(error.issues?.map(({ code }) => code)).toContain('guard')
    return { config: undefined }
  })
  await config?.close()
  return config === undefined
}

/** Deriving a key takes its time, and what is left out with one is only what cannot be read. */
const CASES = [
  ...TREES.map(([name, tree]) => ({ name, tree, key: undefined })),
  ...TREES.slice(0, 1).map(([name, tree]) => ({ name, tree, key: 'a key' })),
]
const UNREAD_CASES = UNREAD.flatMap(([name, tree]) =>
  [undefined, 'a key'].map((key) => ({ name, tree, key })),
)

describe('what the snapshot leaves out still counts', () => {
  it.each(CASES)(
    'a restart refuses the removal of $name, as a running process does ($key)',
    async ({ tree, key }) => {
      const { path, start } = machine(key)
      await (await start(10, leavesOf({ ...PLAIN, ...tree }))).config.close()
      const accepted = readFileSync(path)
      const running = await start(10, leavesOf({ ...PLAIN, ...tree }))
      const gone = Object.fromEntries(Object.keys(tree).map((path) => [path, undefined]))
      running.store.patch(11, gone)
      await running.config.refresh()
      expect(running.config.status.rejected?.issues[0]?.code).toBe('guard')
      await running.config.close()
      writeFileSync(path, accepted)
      expect(await isRefused(start(11, leavesOf(PLAIN)))).toBe(true)
      // with the history that a store may still have
      writeFileSync(path, accepted)
      expect(await isRefused(start(10, leavesOf({ ...PLAIN, ...tree }), [gone]))).toBe(true)
    },
  )

  it.each(CASES)(
    '$name that stay, or are written again, are not taken for removed ($key)',
    async ({ tree, key }) => {
      const { start } = machine(key)
      await (await start(10, leavesOf({ ...PLAIN, ...tree }))).config.close()
      const again = [...leavesOf(PLAIN), ...leavesOf(tree, 11)]
      const { config, store } = await start(11, again)
      expect(config.status.rejected).toBeUndefined()
      const gone = Object.fromEntries(Object.keys(tree).map((path) => [path, undefined]))
      store.patch(12, gone)
      await config.refresh()
      expect(config.status.rejected?.issues[0]?.code).toBe('guard')
      await config.close()
    },
  )
})

it.each(UNREAD_CASES)(
  '$name may go, for a running process and for one that starts ($key)',
  async ({ tree, key }) => {
    const { path, start } = machine(key)
    await (await start(10, leavesOf({ ...PLAIN, ...tree }))).config.close()
    const accepted = readFileSync(path)
    const { config, store } = await start(10, leavesOf({ ...PLAIN, ...tree }))
    store.patch(11, Object.fromEntries(Object.keys(tree).map((path) => [path, undefined])))
    await config.refresh()
    expect(config.status.rejected).toBeUndefined()
    await config.close()
    writeFileSync(path, accepted)
    expect(await isRefused(start(11, leavesOf(PLAIN)))).toBe(false)
  },
)

it('a permission covers what was left out', async () => {
  const { start } = machine()
  await (await start(10, leavesOf({ ...PLAIN, ...many('tokens/') }))).config.close()
  const { config } = await start(11, leavesOf(PLAIN), [], true)
  expect(config.status.rejected).toBeUndefined()
  await config.close()
})

it('neither a value nor a name of a secret document is in the file, also after a removal', async () => {
  const { path, start } = machine()
  const { config, store } = await start(10, leavesOf({ ...PLAIN, ...many('plain/more', 30, 'v'), ...VAULT }))
  store.patch(11, { vault: JSON.stringify({ k0: 'hunter2' }) })
  await config.refresh()
  expect(Object.keys((config.current as { vault: object }).vault)).toEqual(['k0'])
  await config.close()
  const text = readFileSync(path, 'utf8')
  expect(text).not.toMatch(/hunter2|\/k[0-9]/)
  expect(text).toContain('"removed":[["/vault/0",')
})

it.each([-1, 1.5, 1e12, 'x', null])('a damaged count %s is refused', (count) => {
  const layers = [{ name: 'a', leaves: [], withheld: [{ path: 'x', revision: 1, count: count as number }] }]
  const source = { name: 's', revision: 1, epoch: 0, provenAt: 0, layers }
  const document = { name: 'n', fingerprint: 'f', takenAt: 0, hasSecrets: false, sources: [source] }
  expect(() => decodeDocument(encodeDocument(document), 'p')).toThrow(/a count is wrong in it/)
})

describe('a start from the file, without the store', () => {
  const schema = z.object({
    plain: z.number().default(0),
    password: secret(z.string()).default('changeme'),
    tokens: z.record(z.string(), secret(z.string())),
    allow: secret(z.array(z.string())).default([]),
    db: z.object({ host: z.string().default('localhost'), password: secret(z.string()).optional() }),
    auth: z
      .union([
        z.object({ kind: z.literal('basic'), user: z.string(), password: secret(z.string()) }),
        z.object({ kind: z.string(), isOpen: z.boolean().default(true) }),
      ])
      .optional(),
    removed: secret(z.string()).optional(),
  })
  const definition = defineConfig({ name: 'cut-off', schema })
  const start = async (path: string, tree: Tree | undefined, above: Tree = {}) => {
    const store = createManualSource({ name: 'store' })
    const loading = definition.load({
      sources: [memory({ removed: 'below' }), store, memory(above as never, { name: 'above' })],
      startup: { onUnavailable: 'snapshot', timeoutMs: 200 },
      snapshot: { path, intervalMs: 0 },
      logger: false,
    })
    if (tree !== undefined) store.sink.replace({ revision: 5, epoch: 0, layers: [leavesOf(tree)] })
    const config = await loading
    const { current } = config
    await config.close()
    return current
  }

  it.each<[string, Tree, string]>([
    ['a secret that has a default', { password: 'hunter2' }, 'password'],
    ['an entry of a record', { 'tokens/ci': 'hunter2' }, 'tokens.ci'],
    ['a list', { allow: '["hunter2"]' }, 'allow'],
    ['a document, with what in it is no secret', { db: '{"host":"prod","password":"hunter2"}' }, 'db'],
    [
      'an option of a union, of which another one takes the rest',
      { 'auth/kind': 'basic', 'auth/user': 'ana', 'auth/password': 'hunter2' },
      'auth.password',
    ],
    ['a removal, under which there is something', { removed: 'livetree:remove' }, 'removed'],
  ])('is refused where the file lacks %s', async (_what, tree, pathText) => {
    const path = join(folder, `${++files}.snapshot`)
    await start(path, { plain: '1', ...tree })
    const error = await start(path, undefined).then(
      () => expect.unreachable(),
      (thrown: LivetreeError) => thrown,
    )
    expect(error.issues).toMatchObject([
      {
        pathText,
        code: 'unreadable',
        message: expect.stringMatching(/left out of the snapshot.*snapshot\.key/),
      },
    ])
    expect(error.message).not.toContain('hunter2')
  })

  it('serves what a source above gives, and what no schema reads', async () => {
    const path = join(folder, `${++files}.snapshot`)
    const above = { password: 'from above' }
    const tree = { plain: '1', password: 'hunter2', nobody: 'reads this' }
    const before = await start(path, tree, above)
    expect(before).toMatchObject({ plain: 1, password: 'from above' })
    expect(await start(path, undefined, above)).toEqual(before)
  })
})
