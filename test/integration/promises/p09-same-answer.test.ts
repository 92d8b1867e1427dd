import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEtcdClient, op } from '@livetree/etcd'
import { afterAll, expect, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { isLongRun } from '../../support/run-length.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { GOOD_TREE, type Shop, useShop } from './shop.ts'

const MANY = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`limits/n${index}`, `${index}`]))
const GONE = Object.fromEntries(Object.keys(MANY).map((path) => [path, undefined]))

const limitsOf = (config: Shop) => Object.keys(config.current.limits).length
const isGuarded = (config: Shop) => config.status.rejected?.issues[0]?.code === 'guard'

oneEtcd('P9 guarded: the same answer everywhere', (etcd) => {
  const shop = useShop(etcd)
  const folder = mkdtempSync(join(tmpdir(), 'livetree-p09-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  let files = 0
  /** Loads with a snapshot on disk of its own; the same path again is the same process restarted. */
  const newPath = () => join(folder, `${++files}.snapshot`)
  const loadAt = (path: string, key?: string) =>
    shop.load({ startup: { onUnavailable: 'snapshot' }, snapshot: { path, key } })
  const allow = () => shop.client.kv.put(`${shop.root}/.livetree/allow-removal`, 'yes')
  const allowedRemoval = () =>
    shop.client.kv
      .txn()
      .then(
        op.put(`${shop.root}/.livetree/allow-removal`, 'yes'),
        op.deleteRange({ prefix: `${shop.root}/prod/limits/` }),
      )
      .commit()

  /** Closed before anything happens, and not there while it does. */
  const stopped = async (key?: string) => {
    const path = newPath()
    await (await loadAt(path, key)).close()
    return path
  }

  // With a key of their own the others only read another file, whatever the etcd is.
  const keys =
    isLongRun || etcd.kind === 'embedded' ? [{ key: undefined }, { key: 'a key' }] : [{ key: undefined }]
  test.each(keys)(
    'a restart refuses what the process before it refused, also a second one, until it is allowed ($key)',
    async ({ key }) => {
      await shop.write({ ...GOOD_TREE, ...MANY })
      const away = await stopped('a key')
      const path = newPath()
      const first = await loadAt(path, 'a key')
      const others = key === undefined ? await shop.load() : await loadAt(newPath(), key)
      await shop.write(GONE)
      await waitFor(() => isGuarded(first) && isGuarded(others))
      await first.close()
      for (let count = 0; count < 2; count++) {
        const again = await loadAt(path, 'a key')
        expect(isGuarded(again)).toBe(true)
        expect(limitsOf(again)).toBe(30)
        await again.close()
      }
      const all = [others, await loadAt(path, 'a key'), await loadAt(away, 'a key')]
      expect(all.map(limitsOf)).toEqual([30, 30, 30])
      await allow()
      await waitFor(() => all.every((config) => limitsOf(config) === 0))
      expect(all.map((config) => config.status.rejected)).toEqual([undefined, undefined, undefined])
      await all[1]!.close()
      expect(limitsOf(await loadAt(path, 'a key'))).toBe(0)
    },
  )

  test('a snapshot without secrets is compared with too', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const path = await stopped()
    await shop.write(GONE)
    // What is left out of the file for lack of a key cannot be served, so the start fails, and says what to do.
    const error = (await loadAt(path).catch((thrown: Error) => thrown)) as Error
    expect(error.message).toMatch(/Removes 30 of the 34 leaves of etcd .* etcdctl put \S+allow-removal yes/)
    await allow()
    expect(limitsOf(await loadAt(path))).toBe(0)
  })

  test('a restart in the middle of a loop that deletes key by key goes on counting', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const path = newPath()
    const running = await shop.load()
    const first = await loadAt(path, 'a key')
    const paths = Object.keys(MANY)
    for (const each of paths.slice(0, 10)) await shop.write({ [each]: undefined })
    await first.refresh()
    await first.close()
    for (const each of paths.slice(10, 18)) await shop.write({ [each]: undefined })
    const again = await loadAt(path, 'a key')
    await running.refresh()
    expect([running, again].map(isGuarded)).toEqual([true, true])
  })

  test('permission is for what was gone when it came, whoever was there to see it', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const path = await stopped('a key')
    const proxy = shop.keep(await startProxy({ target: shop.server.endpoint }))
    const cutOff = await shop.load({}, { endpoints: [proxy.endpoint] })
    const running = await shop.load()
    await proxy.refuse()
    proxy.cutAll()
    await allow()
    const revision = await shop.write(GONE)
    await running.refresh()
    for (const toRevision of [undefined, revision]) {
      if (toRevision !== undefined) await shop.client.kv.compact(toRevision)
      const again = await loadAt(path, 'a key')
      expect([running, again].map(isGuarded)).toEqual([true, true])
      await again.close()
    }
    await proxy.accept()
    await waitFor(() => isGuarded(cutOff), { timeoutMs: 20_000 })
    expect(limitsOf(cutOff)).toBe(30)
    await allow()
    await waitFor(() => limitsOf(cutOff) === 0 && limitsOf(running) === 0)
    expect(limitsOf(await loadAt(path, 'a key'))).toBe(0)
  })

  test('what was allowed while a process was stopped or cut off is allowed for it too', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const path = await stopped('a key')
    const proxy = shop.keep(await startProxy({ target: shop.server.endpoint }))
    const cutOff = await shop.load({}, { endpoints: [proxy.endpoint] })
    await proxy.refuse()
    proxy.cutAll()
    const { header } = await allowedRemoval()
    await shop.client.kv.compact(header.revision)
    await shop.write({ 'db/pool/max': '11' })
    const again = await loadAt(path, 'a key')
    expect(limitsOf(again)).toBe(0)
    await proxy.accept()
    await waitFor(() => cutOff.current.db.pool.max === 11, { timeoutMs: 20_000 })
    expect(limitsOf(cutOff)).toBe(0)
  })

  test('the permission may be deleted again: whoever was away goes by the history', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const path = await stopped('a key')
    const fallback = await stopped('a key')
    const proxy = shop.keep(await startProxy({ target: shop.server.endpoint }))
    const cutOff = await shop.load({}, { endpoints: [proxy.endpoint] })
    await proxy.refuse()
    proxy.cutAll()
    // Long enough to open the snapshot, which is compared with before it serves.
    const startup = { onUnavailable: 'snapshot', timeoutMs: 3_000 } as const
    const fellBack = await shop.load(
      { startup, snapshot: { path: fallback, key: 'a key' } },
      { endpoints: [proxy.endpoint] },
    )
    expect(fellBack.status.servedFrom).toBe('snapshot')
    await allowedRemoval()
    await shop.client.kv.delete(`${shop.root}/.livetree/allow-removal`)
    expect(limitsOf(await loadAt(path, 'a key'))).toBe(0)
    await proxy.accept()
    for (const config of [cutOff, fellBack]) {
      await waitFor(() => limitsOf(config) === 0, { timeoutMs: 20_000 })
      expect(config.status.rejected).toBeUndefined()
    }
  })

  test('where the history of a permission is compacted it allows nothing, until it is put again', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const path = await stopped('a key')
    await allowedRemoval()
    await shop.client.kv.compact(await shop.write({ 'db/pool/max': '11' }))
    const again = await loadAt(path, 'a key')
    expect(isGuarded(again)).toBe(true)
    expect(limitsOf(again)).toBe(30)
    await allow()
    await waitFor(() => limitsOf(again) === 0 && again.current.db.pool.max === 11)
  })

  test('a permission that the snapshot knows allows nothing that went later', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const first = await loadAt(newPath(), 'a key')
    await allow()
    await first.refresh()
    await first.close()
    const path = await stopped('a key')
    const running = await shop.load()
    await shop.write(GONE)
    await running.refresh()
    expect([running, await loadAt(path, 'a key')].map(isGuarded)).toEqual([true, true])
  })

  test('what was put back between two permissions, in trees that were invalid, is lost anew', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    const path = await stopped('a key')
    const killed = await stopped('a key')
    const running = await shop.load()
    const seen = await loadAt(killed, 'a key')
    await shop.write({ 'db/pool/max': 'ten' })
    await allowedRemoval()
    await seen.refresh()
    await seen.close()
    await shop.write(MANY)
    await shop.write(GONE)
    await shop.client.kv
      .txn()
      .then(
        op.put(`${shop.root}/.livetree/allow-removal`, 'yes'),
        op.delete(`${shop.root}/prod/features/search`),
      )
      .commit()
    await shop.write({ 'db/pool/max': '12' })
    await running.refresh()
    const all = [running, await loadAt(path, 'a key'), await loadAt(killed, 'a key')]
    expect(all.map(isGuarded)).toEqual([true, true, true])
    expect(all.map(limitsOf)).toEqual([30, 30, 30])
    await allow()
    await waitFor(() => all.every((config) => limitsOf(config) === 0))
  })

  test('a removal that was allowed does not allow the one before or after it', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY, 'features/a': 'on', 'features/b': 'on' })
    const path = await stopped('a key')
    const running = await shop.load()
    await shop.write(GONE)
    await shop.client.kv
      .txn()
      .then(op.put(`${shop.root}/.livetree/allow-removal`, 'yes'), op.delete(`${shop.root}/prod/features/a`))
      .commit()
    await shop.write({ 'features/b': undefined })
    await running.refresh()
    const again = await loadAt(path, 'a key')
    expect([running, again].map(isGuarded)).toEqual([true, true])
  })

  test('several removals that were allowed while a process was stopped are each allowed', async () => {
    const others = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`features/f${index}`, 'on']))
    await shop.write({ ...GOOD_TREE, ...MANY, ...others })
    const path = await stopped('a key')
    const running = await shop.load()
    await allowedRemoval()
    await shop.write({ 'db/pool/max': '11' })
    await shop.client.kv
      .txn()
      .then(
        op.put(`${shop.root}/.livetree/allow-removal`, 'yes'),
        op.deleteRange({ prefix: `${shop.root}/prod/features/f` }),
      )
      .commit()
    await running.refresh()
    const again = await loadAt(path, 'a key')
    for (const config of [running, again]) {
      expect(config.status.rejected).toBeUndefined()
      expect(config.current).toMatchObject({
        limits: {},
        features: { search: true },
        db: { pool: { max: 11 } },
      })
    }
  })

  test('permission of another store allows nothing', async () => {
    const server = await etcd.start()
    const client = shop.keep(createEtcdClient({ endpoints: [server.endpoint] }))
    const fill = async (tree: Record<string, string>) => {
      const puts = Object.entries(tree).map(([path, text]) => op.put(`${shop.root}/prod/${path}`, text))
      await client.kv
        .txn()
        .then(...puts)
        .commit()
    }
    await fill({ ...GOOD_TREE, ...MANY })
    const path = newPath()
    const options = { startup: { onUnavailable: 'snapshot' }, snapshot: { path, key: 'a key' } } as const
    await (await shop.load(options, { endpoints: [server.endpoint] })).close()
    const proxy = shop.keep(await startProxy({ target: server.endpoint }))
    const running = await shop.load({}, { endpoints: [proxy.endpoint] })
    await proxy.refuse()
    proxy.cutAll()
    await server.restart({ emptyData: true })
    await waitFor(() => client.kv.put('/elsewhere', '1'))
    // The new store gets past the revision of the old one, and has a marker of its own.
    for (let count = 0; count < 10; count++) await client.kv.put('/elsewhere', `${count}`)
    await fill(GOOD_TREE)
    await client.kv.put(`${shop.root}/.livetree/allow-removal`, 'yes')
    const again = await shop.load(options, { endpoints: [server.endpoint] })
    await proxy.accept()
    await waitFor(() => isGuarded(running), { timeoutMs: 30_000 })
    expect([running, again].map(isGuarded)).toEqual([true, true])
    await client.kv.put(`${shop.root}/.livetree/allow-removal`, 'yes')
    await waitFor(() => limitsOf(running) === 0 && limitsOf(again) === 0)
  })

  test('a first start has nothing to compare with', async () => {
    await shop.write({ ...GOOD_TREE, ...MANY })
    await shop.write(GONE)
    expect(limitsOf(await loadAt(newPath(), 'a key'))).toBe(0)
  })
})
