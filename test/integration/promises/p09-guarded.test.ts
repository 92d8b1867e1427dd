import { op } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { GOOD_TREE, useShop } from './shop.ts'

const MANY = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`limits/n${index}`, `${index}`]))
const GONE = Object.fromEntries(Object.keys(MANY).map((path) => [path, undefined]))

eachEtcd('P9 guarded', (etcd) => {
  const shop = useShop(etcd)

  test('a change that removes most of a source is rejected until the keys are back', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const config = await shop.load()
    const before = config.current
    await shop.write(GONE)
    await config.refresh()
    expect(config.current).toBe(before)
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'guard' }])
    expect(config.status.rejected?.issues[0]?.message).toMatch(/30 of the 34 leaves/)
    // small changes on top do not let it through
    await shop.write({ 'db/pool/max': '11' })
    await config.refresh()
    expect(config.current).toBe(before)
    await shop.write(MANY)
    await waitFor(() => config.current.db.pool.max === 11)
    expect(config.status.rejected).toBeUndefined()
  })

  test('the write may say that it is meant', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const config = await shop.load()
    await shop.client.kv
      .txn()
      .then(
        op.put(`${shop.root}/.livetree/allow-removal`, 'spring cleaning'),
        op.deleteRange({ prefix: `${shop.root}/prod/limits/` }),
      )
      .commit()
    await waitFor(() => Object.keys(config.current.limits).length === 0)
  })

  test('the refusal gives the one command that allows it, and run later it heals at once', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const config = await shop.load()
    const told: { revision: number }[] = []
    config.on('rejected', (event) => told.push(event))
    await shop.write(GONE)
    await config.refresh()
    const { message } = config.status.rejected!.issues[0]!
    const [, key] = /etcdctl put (\S+) yes/.exec(message)!
    expect(key).toBe(`${shop.root}/.livetree/allow-removal`)
    expect(config.health.reason).toContain('rejected')
    // A good write that is withheld reminds of it, with the revision it stands at now.
    const revision = await shop.write({ 'db/pool/max': '11' })
    await waitFor(() => told.some((event) => event.revision === revision))
    expect(config.status.rejected?.revision).toBe(revision)

    await shop.client.kv.put(key!, 'yes')
    await waitFor(() => config.current.db.pool.max === 11)
    expect(config.current.limits).toEqual({})
    expect(config.status.rejected).toBeUndefined()
  })

  test('permission covers what is gone when it comes, not what goes later', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const config = await shop.load()
    await shop.client.kv.put(`${shop.root}/.livetree/allow-removal`, 'yes')
    await shop.write(GONE)
    await config.refresh()
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'guard' }])
    // A removal that is meant, and says so, does not speak for the accident before it.
    await shop.write({ 'features/a': 'on' })
    await shop.client.kv
      .txn()
      .then(
        op.put(`${shop.root}/.livetree/allow-removal`, 'yes'),
        op.delete(`${shop.root}/prod/features/search`),
      )
      .commit()
    await config.refresh()
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'guard' }])
    expect(Object.keys(config.current.limits)).toHaveLength(30)
  })

  test('permission that comes while a document cannot be read allows nothing that goes later', async () => {
    const document = (tree: object) => JSON.stringify(tree)
    const limits = Object.fromEntries(Object.keys(MANY).map((path) => [path.slice('limits/'.length), 1]))
    const allow = () => shop.client.kv.put(`${shop.root}/.livetree/allow-removal`, 'yes')
    for (const unreadable of ['{"n0": 1, ', '{"n0": 1, "n0": 2}', Buffer.from([0xff, 0xfe]), 'text']) {
      const key = `${shop.root}/prod/limits`
      await shop.write({ ...GOOD_TREE, limits: document(limits) })
      const config = await shop.load()
      const before = config.current
      await shop.client.kv.put(key, unreadable)
      await allow()
      await config.refresh()
      expect(config.current).toBe(before)
      await shop.client.kv.put(key, document({ n0: 1 }))
      await config.refresh()
      expect(config.status.rejected?.issues).toMatchObject([{ code: 'guard' }])
      expect(config.current).toBe(before)
      await allow()
      await waitFor(() => Object.keys(config.current.limits).length === 1)
      await config.close()
    }
  })

  test('permission that came with a rejected write is gone with it', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const config = await shop.load()
    await shop.client.kv
      .txn()
      .then(
        op.put(`${shop.root}/.livetree/allow-removal`, 'yes'),
        op.deleteRange({ prefix: `${shop.root}/prod/limits/` }),
        op.put(`${shop.root}/prod/db/pool/max`, 'ten'),
      )
      .commit()
    await config.refresh()
    expect(config.status.rejected?.issues).toMatchObject([{ pathText: 'db.pool.max' }])
    await shop.write(MANY)
    await shop.write(GONE)
    await shop.write({ 'db/pool/max': '10' })
    await config.refresh()
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'guard' }])
  })

  test('a loop that deletes key by key is seen', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const config = await shop.load()
    for (const path of Object.keys(MANY)) await shop.write({ [path]: undefined })
    await config.refresh()
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'guard' }])
    expect(Object.keys(config.current.limits)).toHaveLength(13)
    await shop.client.kv.put(`${shop.root}/.livetree/allow-removal`, 'yes')
    await waitFor(() => Object.keys(config.current.limits).length === 0)
  })

  test('it also holds for what was removed while cut off', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const proxy = shop.keep(await startProxy({ target: shop.server.endpoint }))
    const config = await shop.load({}, { endpoints: [proxy.endpoint] })
    const before = config.current
    await proxy.refuse()
    proxy.cutAll()
    const revision = await shop.write(GONE)
    await shop.client.kv.compact(revision)
    await proxy.accept()
    await waitFor(() => config.status.rejected?.issues[0]?.code === 'guard', { timeoutMs: 20_000 })
    expect(config.current).toBe(before)
  })

  test('a subtree that the schema requires cannot be removed', async () => {
    await shop.write(GOOD_TREE)
    const config = await shop.load()
    await shop.write({ 'db/url': undefined, 'db/pool/max': undefined })
    await config.refresh()
    expect(config.current.db.pool.max).toBe(10)
    expect(config.status.rejected?.issues.map(({ pathText }) => pathText)).toEqual(['db.url', 'db.pool.max'])
  })
})
