import { type Admin, createAdmin } from '@livetree/admin'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig, etcd as etcdSource, secret } from 'livetree'
import { beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { listOf } from './list-of.ts'

const schema = z.object({
  mode: z.string().default('on'),
  db: z.object({ url: secret(z.string()), max: z.number().default(1) }),
  tags: z.record(z.string(), z.string()).default({}),
})

withoutOpenHandles()

oneEtcd('admin history', (etcd) => {
  let client: EtcdClient
  let admin: Admin<z.output<typeof schema>>

  beforeEach(async () => {
    const { endpoint } = await etcd.start()
    client = createEtcdClient({ endpoints: [endpoint] })
    const layers = [{ prefix: '/config/shared/db', at: 'db' }, { prefix: '/config/shop' }]
    const sources = () => [etcdSource({ endpoints: [endpoint], layers })]
    const definition = defineConfig({ name: 'shop', schema, sources })
    admin = createAdmin(definition, { author: 'ana', historyLimit: 3 }) as typeof admin
    await client.kv.put('/config/shared/db/url', 'postgres://first')
    return async () => {
      await admin.close()
      await client.close()
    }
  })

  const keys = async () => {
    const { entries } = await client.kv.getRange({ prefix: '/config/' })
    return entries.map(({ key, text }) => `${key}=${text}`)
  }

  test('a history neither shows nor prunes that of a layer inside its prefix, whatever that is called', async () => {
    const { endpoints } = { endpoints: client.channel.endpoints() }
    await using inner = createAdmin({ store: { endpoints, root: '/config/shop/0eu' }, author: 'bob' })
    for (const value of ['1', '2', '3', '4']) await inner.set('n', value)
    for (const mode of ['a', 'b', 'c', 'd', 'e'])
      await admin.set((c) => c.mode, mode, { layer: '/config/shop' })
    const recorded = async (of: Pick<typeof inner, 'history'>) =>
      (await listOf(of.history({ recordedOnly: true }))).map(
        (entry) => entry.type === 'recorded' && entry.author,
      )
    expect(await recorded(inner)).toEqual(['bob', 'bob', 'bob', 'bob'])
    expect(await recorded(admin as unknown as typeof inner)).toEqual(['ana', 'ana', 'ana'])
  })

  test('a write of two layers, of which one has pruned its part of the record: the other part is shown as unrecorded', async () => {
    const shared = { layer: '/config/shared/db' }
    const shop = { layer: '/config/shop' }
    await admin.set((c) => c.mode, 'a', shop)
    const { revision: to } = await admin.set((c) => c.db.max, 1, shared)
    await admin.set((c) => c.mode, 'b', shop)
    await admin.set((c) => c.db.max, 2, shared)
    const { revision, id } = await (await admin.rollback({ to })).apply()
    for (const name of ['x', 'y', 'z']) await admin.set(`tags.${name}`, '1', shop)
    const shown = async (options: Parameters<typeof admin.history>[0]) =>
      (await listOf(admin.history(options)))
        .filter((entry) => entry.revision === revision)
        .map(({ type, changes }) => [type, changes.map(({ pathText }) => pathText)])
    expect(await admin.find(id ?? '')).toMatchObject({ changes: [{ pathText: 'db.max' }] })
    const part = ['unrecorded', ['mode']]
    expect(await shown({})).toEqual([['recorded', ['db.max']], part])
    expect(await shown({ path: 'mode' })).toEqual([part])
    expect(await shown(shop)).toEqual([part])
  })

  test('history: shows records and writes of other tools in one order, without secrets', async () => {
    const first = await admin.set((c) => c.mode, 'off', { layer: '/config/shop', message: 'why' })
    await client.kv.put('/config/shop/mode', 'half')
    await admin.set((c) => c.db.url, 'postgres://second', { layer: '/config/shared/db' })
    await client.kv.delete('/config/shop/mode')
    const entries = await listOf(admin.history())
    expect(entries.map(({ type }) => type)).toEqual([
      'unrecorded',
      'recorded',
      'unrecorded',
      'recorded',
      'unrecorded',
    ])
    expect(entries.map(({ revision }) => revision)).toEqual(
      entries.map(({ revision }) => revision).toSorted((a, b) => b - a),
    )
    expect(JSON.stringify(entries)).not.toMatch(/postgres/)
    expect(entries[0]?.changes[0]).toMatchObject({ pathText: 'mode', after: undefined })
    expect(entries[2]?.changes[0]).toMatchObject({ before: { text: 'off' }, after: { text: 'half' } })
    expect(entries[3]).toMatchObject({ author: 'ana', message: 'why', id: first.id })
    expect(await listOf(admin.history({ path: (c) => c.db }))).toHaveLength(2)
    expect(await listOf(admin.history({ layer: '/config/shop', recordedOnly: true }))).toHaveLength(1)
    expect(await listOf(admin.history({ limit: 2 }))).toHaveLength(2)
    expect(await listOf(admin.history({ since: first.revision }))).toHaveLength(3)
    expect(await admin.find(first.id ?? '')).toMatchObject({ revision: first.revision })
  })

  test('history: keeps the newest records, and what was compacted is gone without a failure', async () => {
    let last = 0
    for (const mode of ['a', 'b', 'c', 'd', 'e']) {
      const { revision } = await admin.set('mode', mode, { layer: '/config/shop' })
      last = revision
    }
    const { entries } = await client.kv.getRange({ prefix: '/.livetree/history/config/shop/' })
    expect(entries).toHaveLength(3)
    await client.kv.compact(last)
    const after = await listOf(admin.history())
    expect(after.map((each) => each.changes[0]?.after?.text)).toEqual(['e', 'd', 'c'])
    await client.kv.put('/config/shop/mode', 'f')
    expect((await listOf(admin.history()))[0]).toMatchObject({ type: 'unrecorded' })
  })

  describe('rollback', () => {
    test('leaves the tree text for text as it was, secrets included, as one more record', async () => {
      await admin.set('tags', { a: '1', b: '2' }, { layer: '/config/shop' })
      const { revision: to } = await admin.set('mode', 'off', { layer: '/config/shop' })
      const before = await keys()
      const explained = (await admin.read()).explain('db.url')
      await admin.set((c) => c.db.url, 'postgres://second', { layer: '/config/shared/db' })
      await admin.unset('tags.a', { layer: '/config/shop' })
      await client.kv.put('/config/shop/mode', 'half')
      const plan = await admin.rollback({ to })
      expect(JSON.stringify(plan)).not.toMatch(/postgres/)
      const { id } = await plan.apply({ message: 'back' })
      expect(await keys()).toEqual(before)
      const value = (await admin.read()).explain('db.url')
      expect(value).toEqual({ ...explained, layers: expect.anything() })
      expect(await admin.find(id ?? '')).toMatchObject({ kind: 'rollback', to, message: 'back' })
      expect((await admin.at(to)).db.url).toBe('postgres://first')
    })

    test('takes a key that is not UTF-8 for itself, and not for the key that reads like it', async () => {
      const broken = Buffer.concat([Buffer.from('/config/shop/'), Buffer.of(0xff)])
      await client.kv.put('/config/shop/%FF', 'text')
      const { revision: to } = await admin.set('mode', 'off', { layer: '/config/shop' })
      await client.kv.put(broken, 'bytes')
      await client.kv.put('/config/shop/stray', Buffer.of(0xff))
      const plan = await admin.rollback({ to })
      expect(plan.changes.map(({ pathText }) => pathText).sort()).toEqual(['/config/shop/\\xFF', 'stray'])
      await plan.apply()
      expect(await client.kv.get(broken)).toBeUndefined()
      expect(await client.kv.get('/config/shop/stray')).toBeUndefined()
      expect((await client.kv.get('/config/shop/%FF'))?.text).toBe('text')
    })

    test('only: leaves everything else', async () => {
      const { revision: to } = await admin.set('mode', 'off', { layer: '/config/shop' })
      await admin.set('mode', 'half', { layer: '/config/shop' })
      await admin.set((c) => c.db.max, 7, { layer: '/config/shared/db' })
      const plan = await admin.rollback({ to, only: ['mode'] })
      expect(plan.changes.map(({ pathText }) => pathText)).toEqual(['mode'])
    })

    test('says when the revision is compacted', async () => {
      const { revision: to } = await admin.set('mode', 'off', { layer: '/config/shop' })
      const { revision } = await admin.set('mode', 'half', { layer: '/config/shop' })
      await client.kv.compact(revision)
      await expect(admin.rollback({ to })).rejects.toMatchObject({ code: 'compacted' })
      await expect(admin.at(to)).rejects.toMatchObject({ code: 'compacted' })
      await expect(admin.at(revision + 100)).rejects.toMatchObject({ code: 'not_found' })
    })
  })

  test('diff: compares revisions by value, layers scalar by scalar, and texts', async () => {
    const { revision } = await admin.set('mode', 'off', { layer: '/config/shop' })
    await admin.set('tags', { a: '1' }, { layer: '/config/shop' })
    await admin.set((c) => c.db.url, 'postgres://second', { layer: '/config/shared/db' })
    expect(await admin.diff({ revision }, 'now')).toEqual([
      expect.objectContaining({ pathText: 'db.url', previous: '[secret]', next: '[secret]' }),
      expect.objectContaining({ pathText: 'tags.a', type: 'added', next: '1' }),
    ])
    expect(await admin.diff({ layer: '/config/shop', revision }, { layer: '/config/shop' })).toEqual([
      expect.objectContaining({ pathText: 'tags.a', type: 'added' }),
    ])
    expect(await admin.diff({ layer: '/config/shop' }, { text: 'mode: off\ntags: { a: "1" }' })).toEqual([])
    expect(await admin.diff('now', 'now')).toEqual([])
  })
})
