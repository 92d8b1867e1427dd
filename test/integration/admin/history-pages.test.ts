import { type Admin, createAdmin } from '@livetree/admin'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig } from 'livetree'
import { beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { listOf } from './list-of.ts'

const part = z.object({ size: z.number().default(1), tags: z.array(z.string()).default([]) }).prefault({})
const schema = z.object({ one: part, other: part, n: z.number().default(0), note: z.string().default('') })
const layers = [{ prefix: '/config/shared', at: ['one', 'other'] }, { prefix: '/config/shop' }]
const definition = defineConfig({ name: 'shop', schema, guard: false })

withoutOpenHandles()

oneEtcd('admin history, page by page', (etcd) => {
  let client: EtcdClient
  let admin: Admin<z.output<typeof schema>>

  beforeEach(async () => {
    const { endpoint } = await etcd.start()
    client = createEtcdClient({ endpoints: [endpoint] })
    admin = openAdmin() as typeof admin
    return async () => {
      await admin.close()
      await client.close()
    }
  })

  const openAdmin = (options: { historyLimit?: number } = {}) =>
    createAdmin(definition, { author: 'ana', store: { client, layers }, ...options })
  const shop = { layer: '/config/shop' }
  const revisionsOf = async (options: Parameters<typeof admin.history>[0]) =>
    (await listOf(admin.history(options))).map(({ revision }) => revision)

  /** The bytes of all that a call reads: a history of records that are large is not read for one of them. */
  async function bytesRead(run: () => Promise<unknown>): Promise<number> {
    let bytes = 0
    const { kv } = client
    const counted = new Proxy(kv, {
      get: (target, name, receiver) => {
        const method: unknown = Reflect.get(target, name, receiver)
        if (name !== 'getRange' && name !== 'get')
          return typeof method === 'function' ? method.bind(target) : method
        return async (...given: unknown[]) => {
          const result = await (method as (...all: unknown[]) => Promise<unknown>).apply(target, given)
          bytes += JSON.stringify(result ?? null, (_, value: unknown) =>
            typeof value === 'bigint' ? String(value) : value,
          ).length
          return result
        }
      },
    })
    Object.defineProperty(client, 'kv', { value: counted, configurable: true })
    try {
      await run()
    } finally {
      Object.defineProperty(client, 'kv', { value: kv, configurable: true })
    }
    return bytes
  }

  test('one entry of a long history reads a few records, not all of them', async () => {
    const { id } = await admin.set('note', 'x', shop)
    const directory = '/.livetree/history/config/shop/'
    const record = JSON.parse((await client.kv.get(directory + (id ?? '')))?.text ?? '') as object
    for (let number = 0; number < 40; number++) {
      const copy = `${id?.slice(0, -4)}${String(number).padStart(4, '0')}`
      const changes = [{ key: '/config/shop/note', path: 'note', after: { text: 'y'.repeat(20_000) } }]
      await client.kv.put(directory + copy, JSON.stringify({ ...record, id: copy, changes }))
    }
    const one = await bytesRead(() => listOf(admin.history({ limit: 1, recordedOnly: true })))
    const all = await bytesRead(() => listOf(admin.history({ recordedOnly: true })))
    expect(all).toBeGreaterThan(40 * 20_000)
    expect(one).toBeLessThan(all / 4)
  })

  test('writes of other tools are read in full and in order, however many and however large', async () => {
    const revisions: number[] = []
    for (let number = 0; number < 450; number++)
      revisions.push(
        (await client.kv.put('/config/shop/note', 'z'.repeat(number % 100 === 0 ? 60_000 : 9))).header
          .revision,
      )
    const newestFirst = revisions.toReversed()
    expect(await revisionsOf({ limit: 1_000 })).toEqual(newestFirst)
    expect(await revisionsOf({ limit: 3 })).toEqual(newestFirst.slice(0, 3))
    expect(await revisionsOf({ since: revisions[440] ?? 0 })).toEqual(newestFirst.slice(0, 9))
    await client.kv.compact(revisions[300] ?? 0)
    expect(await revisionsOf({ limit: 1_000 })).toEqual(newestFirst.slice(0, 149))
  })

  test('a caller that stops early, and one that goes on late, are both served', async () => {
    for (const n of [1, 2, 3]) await admin.set('n', n, shop)
    await client.kv.put('/config/shop/note', 'by hand')
    const seen: string[] = []
    for await (const { type } of admin.history()) {
      seen.push(type)
      if (seen.length === 2) break
    }
    expect(seen).toEqual(['unrecorded', 'recorded'])
  })

  test('an admin that keeps fewer records shows all that there are', async () => {
    for (let n = 1; n <= 15; n++) await admin.set('n', n, shop)
    await using small = openAdmin({ historyLimit: 2 })
    const types = (await listOf(small.history())).map(({ type }) => type)
    expect(types).toEqual(Array<string>(15).fill('recorded'))
  })

  describe('a record of a newer version', () => {
    let id: string
    let revision: number

    beforeEach(async () => {
      const applied = await admin.set('n', 1, shop)
      id = applied.id ?? ''
      // Written in the same transaction as what it tells of, as a newer admin does.
      const text = JSON.stringify({ version: 2, id, kind: 'move', author: { name: 'ana' } })
      await client.kv.delete(`/.livetree/history/config/shop/${id}`)
      const { op } = await import('@livetree/etcd')
      const { header } = await client.kv
        .txn()
        .then(op.put('/config/shop/n', '2'), op.put(`/.livetree/history/config/shop/${id}`, text))
        .commit()
      revision = header.revision
    })

    test('is said to be one, with what the store says it changed', async () => {
      const [entry] = await listOf(admin.history())
      expect(entry).toMatchObject({
        type: 'newer',
        id,
        revision,
        version: 2,
        changes: [{ pathText: 'n', before: { text: '1' }, after: { text: '2' } }],
      })
      expect(await listOf(admin.history({ path: 'note' }))).toEqual([])
      await expect(admin.find(id)).rejects.toMatchObject({
        code: 'unreadable',
        message: expect.stringMatching(/format 2 of a newer version.*It was applied/),
      })
    })

    test('is said to be one without its changes, once these are compacted', async () => {
      const { header } = await client.kv.put('/config/shop/note', 'x')
      await client.kv.compact(header.revision)
      expect(await listOf(admin.history({ limit: 1 }))).toMatchObject([{ type: 'newer', id, changes: [] }])
      expect(await listOf(admin.history({ layer: '/config/shared' }))).toEqual([])
    })
  })

  test.each<[string, object]>([
    ['a time that is none', { at: 'rubbish' }],
    ['a message that is no text', { message: { x: 1 } }],
    ['a flag that is none', { isForced: 'yes' }],
    ['a text that is none', { changes: [{ key: '/config/shop/n', path: 'n', after: { text: ['a'] } }] }],
    ['a version that is none', { version: 'x' }],
  ])(
    'what looks like a record, with %s, is said to be damaged, with what the store says it changed',
    async (_name, broken) => {
      const { id, revision } = await admin.set('n', 1, shop)
      const key = `/.livetree/history/config/shop/${id}`
      const record = JSON.parse((await client.kv.get(key))?.text ?? '') as object
      await client.kv.put(key, JSON.stringify({ ...record, ...broken }))
      const damaged = { type: 'unreadable', id, revision, changes: [{ pathText: 'n', after: { text: '1' } }] }
      expect(await listOf(admin.history({ recordedOnly: true }))).toMatchObject([damaged])
      expect(await listOf(admin.history({ path: 'note' }))).toEqual([])
      const later = await admin.set('n', 2, shop)
      expect(await listOf(admin.history())).toMatchObject([{ type: 'recorded', id: later.id }, damaged])
      await expect(admin.find(id ?? '')).rejects.toMatchObject({
        code: 'unreadable',
        message: expect.stringContaining(`revision ${revision}`),
      })
    },
  )

  test('a write that was given up is none: neither the history nor find() has it', async () => {
    const { id } = await admin.set('n', 1, shop)
    const key = `/.livetree/history/config/shop/${id}`
    const record = JSON.parse((await client.kv.get(key))?.text ?? '') as object
    await client.kv.put(key, JSON.stringify({ ...record, kind: 'void', changes: [] }))
    expect(await admin.find(id ?? '')).toBeUndefined()
    expect(await listOf(admin.history({ recordedOnly: true }))).toEqual([])
  })

  test('a record that was copied to another layer tells nothing of that layer, and nothing twice', async () => {
    const { id, revision } = await admin.set('n', 1, shop)
    const text = (await client.kv.get(`/.livetree/history/config/shop/${id}`))?.text ?? ''
    await client.kv.put(`/.livetree/history/config/shared/${id}`, text)
    expect(await listOf(admin.history())).toMatchObject([{ revision, changes: [{ pathText: 'n' }] }])
    expect(await admin.find(id ?? '')).toMatchObject({ revision, changes: [{ pathText: 'n' }] })
  })

  describe('a layer that is mounted at two places', () => {
    const shared = { layer: '/config/shared' }

    test('is found in the history by either path, and shown at the one that was asked for', async () => {
      const { revision } = await admin.set('one.size', 5, shared)
      const other = await client.kv.put('/config/shared/size', '6')
      for (const path of ['one', 'other', 'one.size', 'other.size']) {
        const entries = await listOf(admin.history({ path }))
        expect(entries.map((entry) => entry.revision)).toEqual([other.header.revision, revision])
        for (const { changes } of entries)
          expect(changes[0]?.pathText).toBe(path.startsWith('one') ? 'one.size' : 'other.size')
      }
    })

    test('is rolled back by either path', async () => {
      const { revision: to } = await admin.set('one.size', 5, shared)
      await admin.set('one.size', 6, shared)
      for (const only of ['one', 'other', 'other.size']) {
        const plan = await admin.rollback({ to, only: [only] })
        expect(plan.changes.map(({ key, after }) => [key, after?.text])).toEqual([
          ['/config/shared/size', '5'],
        ])
      }
    })
  })

  describe('rollback, only a part of a document', () => {
    const documentOf = async (key: string) => (await client.kv.get(key))?.text

    test.each([
      ['a layer that is a document', '/config/shared/', 'other.size'],
      ['a key in a layer', '/config/shop/one', 'one.size'],
    ])('%s: that part gets its earlier text, and everything else stays', async (_name, key, path) => {
      await client.kv.put(key, '{ "size": 5,  "tags": ["a"] }')
      const to = (await client.kv.getRange({ prefix: '/' })).header.revision
      await client.kv.put(key, '{ "size": 6,  "tags": ["b"] }')
      const plan = await admin.rollback({ to, only: [path] })
      await plan.apply()
      expect(await documentOf(key)).toBe('{ "size": 5,  "tags": ["b"] }')
      expect((await admin.rollback({ to, only: [path] })).isEmpty).toBe(true)
    })

    test('a part that was not there goes, and one that is gone comes back', async () => {
      await client.kv.put('/config/shop/one', '{"size":5}')
      const to = (await client.kv.getRange({ prefix: '/' })).header.revision
      await client.kv.put('/config/shop/one', '{"tags":["b"]}')
      await (await admin.rollback({ to, only: ['one.size', 'one.tags'] })).apply()
      expect(await documentOf('/config/shop/one')).toBe('{"size":5}')
    })

    test('where a document has become keys, or keys a document, it is refused with what to do', async () => {
      await client.kv.put('/config/shop/one', '{"size":5}')
      const to = (await client.kv.getRange({ prefix: '/' })).header.revision
      await client.kv.delete('/config/shop/one')
      await client.kv.put('/config/shop/one/size', '6')
      await expect(admin.rollback({ to, only: ['one.size'] })).rejects.toMatchObject({
        code: 'invalid_path',
        message: expect.stringMatching(/\/config\/shop\/one.*path of that key/),
      })
      await client.kv.put('/config/shop/other', 'null')
      await expect(admin.rollback({ to, only: ['other.size'] })).rejects.toMatchObject({
        code: 'invalid_path',
      })
      await client.kv.delete('/config/shop/other')
      const whole = await admin.rollback({ to, only: ['one'] })
      expect(whole.issues).toEqual([])
      expect(whole.changes).toHaveLength(2)
    })
  })

  test('a path that neither the schema nor the store knows is refused, in rollback and history', async () => {
    const { revision: to } = await admin.set('n', 1, shop)
    const refused = { code: 'invalid_path', message: expect.stringContaining('"nope.x"') }
    await expect(admin.rollback({ to, only: ['n', 'nope.x'] })).rejects.toMatchObject(refused)
    await expect(listOf(admin.history({ path: 'nope.x' }))).rejects.toMatchObject(refused)
    await client.kv.put('/config/shop/nope/x', 'stray')
    expect((await admin.rollback({ to, only: ['nope.x'] })).changes).toHaveLength(1)
    expect(await listOf(admin.history({ path: 'nope.x' }))).toHaveLength(1)
    expect(await listOf(admin.history({ path: 'note' }))).toEqual([])
  })
})
