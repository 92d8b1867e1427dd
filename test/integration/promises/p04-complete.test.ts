import { expect, test } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { GOOD_TREE, useShop } from './shop.ts'

eachEtcd('P4 complete', (etcd) => {
  const shop = useShop(etcd)

  test('what was changed, deleted and compacted while cut off is made up for in one step', async () => {
    await shop.write({ ...GOOD_TREE, 'limits/kept': '1', 'limits/gone': '2', 'limits/changed': '3' })
    const proxy = shop.keep(await startProxy({ target: shop.server.endpoint }))
    const config = await shop.load({}, { endpoints: [proxy.endpoint] })
    const kept = config.current.db
    const seen: object[] = []
    config.on('change', ({ next }) => seen.push(next.limits))

    await proxy.refuse()
    proxy.cutAll()
    await shop.write({ 'limits/gone': undefined })
    await shop.write({ 'limits/changed': '4' })
    const last = await shop.write({ 'limits/added': '5' })
    await shop.client.kv.compact(last)
    await proxy.accept()

    await waitFor(() => config.current.limits.added === 5, { timeoutMs: 20_000 })
    expect(seen).toEqual([{ kept: 1, changed: 4, added: 5 }])
    expect(config.current.db).toBe(kept)
    expect(config.epoch).toBe(0)
  })

  test('a cut in the middle of many changes loses none and invents none', async () => {
    await shop.write(GOOD_TREE)
    const proxy = shop.keep(await startProxy({ target: shop.server.endpoint }))
    const config = await shop.load({}, { endpoints: [proxy.endpoint] })
    const told: string[] = []
    config.on('change', ({ changes }) => told.push(...changes.map(({ pathText }) => pathText)))
    for (let count = 1; count <= 300; count++) {
      await shop.write({ [`limits/n${count}`]: `${count}` })
      if (count % 60 === 0) proxy.cutAll()
    }
    await waitFor(() => config.current.limits.n300 === 300, { timeoutMs: 20_000 })
    // states may be told together, in the order of the schema
    expect(told.toSorted()).toEqual(Array.from({ length: 300 }, (_, index) => `limits.n${index + 1}`).sort())
  })

  test('a deleted key uncovers the layer below, or the default', async () => {
    await shop.write({ ...GOOD_TREE, 'http/port': '80', 'limits/a': '2' })
    await shop.client.kv.put(`${shop.root}/base/limits/a`, '1')
    const config = await shop.load()
    expect(config.current).toMatchObject({ http: { port: 80 }, limits: { a: 2 } })
    await shop.write({ 'http/port': undefined, 'limits/a': undefined })
    await config.refresh()
    expect(config.current).toMatchObject({ http: { port: 3000 }, limits: { a: 1 } })
  })

  test('nothing is told when nothing changed: same value again, foreign keys, a resync without a difference', async () => {
    await shop.write(GOOD_TREE)
    const proxy = shop.keep(await startProxy({ target: shop.server.endpoint }))
    const config = await shop.load({}, { endpoints: [proxy.endpoint] })
    const current = config.current
    let told = 0
    config.on('change', () => told++)
    await shop.write({ 'db/pool/max': '10' })
    await shop.client.kv.put(`${shop.root}/elsewhere/key`, 'x')
    await config.refresh()
    await proxy.refuse()
    proxy.cutAll()
    const revision = await shop.write({ 'db/pool/max': '10' })
    await shop.client.kv.compact(revision)
    await proxy.accept()
    await waitFor(() => config.refresh().then(() => true), { timeoutMs: 20_000 })
    expect(told).toBe(0)
    expect(config.current).toBe(current)
  })

  test('refresh resolves at or past the revision of a write that was just made', async () => {
    await shop.write(GOOD_TREE)
    const config = await shop.load()
    for (let round = 1; round <= 25; round++) {
      const revision = await shop.write({ 'limits/round': `${round}` })
      await config.refresh()
      expect(config.current.limits.round).toBe(round)
      expect(config.revision).toBeGreaterThanOrEqual(revision)
    }
  })
})
