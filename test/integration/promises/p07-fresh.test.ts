import { setTimeout } from 'node:timers/promises'
import { createEtcdClient } from '@livetree/etcd'
import { etcd as etcdSource } from 'livetree'
import { expect, test } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { GOOD_TREE, shop as definition, useShop } from './shop.ts'

eachEtcd('P7 fresh, with proof', (etcd) => {
  const shop = useShop(etcd)

  /** A configuration over a proxy, with a quick heartbeat. */
  const loadFast = async () => {
    await shop.write(GOOD_TREE)
    const proxy = shop.keep(await startProxy({ target: shop.server.endpoint }))
    const watch = { progressIntervalMs: 100, progressGraceMs: 400 }
    const client = shop.keep(createEtcdClient({ endpoints: [proxy.endpoint], watch }))
    const sources = [etcdSource({ client, root: shop.root, overlays: ['base', 'prod'] })]
    const config = shop.keep(await definition.load({ sources, staleAfterMs: 3_000, maxStalenessMs: 3_500 }))
    return { proxy, client, config }
  }

  test('proof comes from the watch itself while nothing changes', async () => {
    const { config } = await loadFast()
    const first = config.status.provenAt!
    await shop.client.kv.put('/foreign', 'x')
    const later = await waitFor(() => (config.status.provenAt! > first ? config.status.provenAt : undefined))
    await waitFor(() => config.status.provenAt! > later)
    expect(config.status.state).toBe('live')
  })

  test('silence becomes stale, visible everywhere, and is over by itself', async () => {
    const { proxy, config } = await loadFast()
    const events: string[] = []
    config.on('stale', () => events.push('stale'))
    config.on('live', () => events.push('live'))
    expect(config.health.isReady).toBe(true)
    proxy.stall()
    await waitFor(() => config.status.state === 'stale', { timeoutMs: 15_000 })
    expect(config.status.staleForMs).toBeGreaterThan(0)
    expect(config.current.db.pool.max).toBe(10)
    await waitFor(() => !config.health.isReady, { what: 'readiness to follow maxStalenessMs' })
    expect(config.health.reason).toMatch(/etcd/)
    proxy.heal()
    await waitFor(() => config.status.state === 'live', { timeoutMs: 15_000 })
    expect(config.health.isReady).toBe(true)
    expect(events).toEqual(['stale', 'live'])
  })

  test('a server that is stopped in its tracks does not count as fresh', async () => {
    const server = await etcd.start()
    const client = shop.keep(
      createEtcdClient({
        endpoints: [server.endpoint],
        watch: { progressIntervalMs: 100, progressGraceMs: 400 },
      }),
    )
    for (const [path, text] of Object.entries(GOOD_TREE)) await client.kv.put(`${shop.root}/${path}`, text)
    const config = shop.keep(
      await definition.load({ sources: [etcdSource({ client, root: shop.root })], staleAfterMs: 3_000 }),
    )
    await server.pause()
    try {
      await waitFor(() => config.status.state === 'stale', { timeoutMs: 15_000 })
    } finally {
      server.resume()
    }
    await waitFor(() => config.status.state === 'live', { timeoutMs: 20_000 })
  })

  test('a client that is closed is no proof any more, at once', async () => {
    const { client, config } = await loadFast()
    await client.close()
    await waitFor(() => config.status.state === 'stale', { timeoutMs: 1_000 })
    expect(config.health.reason).toContain('[closed]')
    await expect(config.refresh()).rejects.toThrow('[closed]')
  })

  const loadWatched = async (root: string) => {
    const sources = [etcdSource({ endpoints: [shop.server.endpoint], root, overlays: ['base', 'prod'] })]
    const config = shop.keep(await definition.load({ sources, staleAfterMs: 2_000 }))
    const stales: unknown[] = []
    config.on('stale', (event) => stales.push(event))
    return stales
  }

  /** Twice as long as a configuration may hear nothing. */
  const forAWhile = async (act: (round: number) => Promise<unknown>) => {
    for (let round = 1; round <= 10; round += 1) {
      await act(round)
      await setTimeout(400)
    }
  }

  test('it stays live while nothing is written', async () => {
    await shop.write(GOOD_TREE)
    const stales = await loadWatched(shop.root)
    await forAWhile(async () => undefined)
    expect(stales).toEqual([])
  })

  test('it stays live while its own keys are written, or those of others', async () => {
    await shop.write(GOOD_TREE)
    const other = `${shop.root}-other`
    for (const [path, text] of Object.entries(GOOD_TREE))
      await shop.client.kv.put(`${other}/prod/${path}`, text)
    const stales = [await loadWatched(shop.root), await loadWatched(other)]
    await forAWhile((round) => shop.client.kv.put(`${shop.root}/prod/db/pool/max`, `${round}`))
    expect(stales).toEqual([[], []])
  })
})
