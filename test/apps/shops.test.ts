import { createEtcdClient } from '@livetree/etcd'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { oneRealEtcd } from '../support/each-etcd.ts'
import { withoutOpenHandles } from '../support/open-handles.ts'
import type { EtcdServer } from '../support/start-etcd.ts'
import { waitFor } from '../support/wait-for.ts'
import { type RunningShop, type ShopName, startShop } from './start-shop.ts'

withoutOpenHandles()

const shops: readonly ShopName[] = ['express-shop', 'nestjs-shop', 'fastify-shop']

/** Changes the running app by what its README says to type. Which etcd it is makes no difference to an app. */
oneRealEtcd('the example apps', (etcd) => {
  describe.each(shops)('%s', (name) => {
    let server: EtcdServer
    let shop: RunningShop
    beforeAll(async () => {
      server = await etcd.start()
      shop = await startShop(name, { ETCD_ENDPOINTS: server.endpoint })
    })
    afterAll(async () => {
      await shop?.[Symbol.asyncDispose]()
    })
    beforeEach(async () => {
      await server.etcdctl(['del', '--prefix', '/config/shop/prod/'])
      await waitFor(async () => (await getArticle()).price === '24.90 EUR', { what: 'the first tree' })
    })

    const put = (path: string, value: string) => server.etcdctl(['put', `/config/shop/prod/${path}`, value])
    const get = (path: string, headers: Record<string, string> = {}) =>
      fetch(`${shop.url}${path}`, { headers: { connection: 'close', ...headers } })
    const getJson = async (path: string) => (await (await get(path)).json()) as Record<string, unknown>
    const getArticle = () => getJson('/articles/1')

    test('prices follow, and all of an answer is from one state', async () => {
      expect(await getArticle()).toEqual({
        name: 'Teapot',
        price: '24.90 EUR',
        versions: [expect.any(Number), expect.any(Number)],
      })
      await put('pricing/currency', 'USD')
      await waitFor(async () => (await getArticle()).price === '24.90 USD')
      const { versions } = (await getArticle()) as { versions: number[] }
      expect(versions[0]).toBe(versions[1])
      expect((await get('/articles/99')).status).toBe(404)
    })

    test('a feature is switched on', async () => {
      await put('features/stock', 'true')
      await waitFor(async () => (await getArticle()).inStock === 12)
    })

    test('the rate limit follows', async () => {
      await put('limits/max', '3')
      await waitFor(async () => (await get('/articles/1')).status === 429)
      await put('limits/max', '1000')
      await waitFor(async () => (await get('/articles/1')).status === 200)
    })

    test('CORS follows', async () => {
      const allowed = async () =>
        (await get('/articles/1', { origin: 'https://example.com' })).headers.get(
          'access-control-allow-origin',
        )
      expect(await allowed()).toBeNull()
      await put('cors/origins', '["https://example.com"]')
      await waitFor(async () => (await allowed()) === 'https://example.com')
    })

    test('the log level follows', async () => {
      await getArticle()
      expect(shop.output).not.toContain('"asked"')
      await put('log/level', 'debug')
      await waitFor(async () => {
        await getArticle()
        return shop.output.includes('"asked"')
      })
    })

    test('the pool is replaced, and a size that does not fit is not taken', async () => {
      expect(await getJson('/pool')).toMatchObject({ max: 4, state: 'ready' })
      const { builtCount } = (await getJson('/pool')) as { builtCount: number }
      await put('db/pool/max', '8')
      await waitFor(async () => (await getJson('/pool')).max === 8)
      await put('db/pool/max', 'many')
      await waitFor(() => shop.output.includes('"rejected"'))
      await waitFor(async () => (await getJson('/pool')).drainingCount === 0, {
        what: 'the old pool to be drained',
      })
      expect(await getJson('/pool')).toMatchObject({ max: 8, builtCount: builtCount + 1 })
      const ready = await get('/readyz')
      expect(ready.status).toBe(200)
      // as its README says: what, where, by which key
      const { reason } = reasonIn(await ready.json())
      expect(reason).toMatch(/rejected/)
      expect(reason).toContain('db.pool.max')
      expect(reason).toContain('/config/shop/prod/db/pool/max')
      expect(shop.output).toContain('/config/shop/prod/db/pool/max')
    })

    test('a pool that cannot be built is said by readiness, and the one before serves', async () => {
      const { max } = await getJson('/pool')
      await put('db/url', 'postgres://user:hunter2@127.0.0.1:1/none')
      await waitFor(async () => (await getJson('/pool')).state === 'failed')
      const ready = await get('/readyz')
      expect(ready.status).toBe(200)
      const { reason } = reasonIn(await ready.json())
      expect(reason).toContain('catalog')
      expect(reason).not.toContain('hunter2')
      expect((await getJson('/pool')).max).toBe(max)
      expect((await getArticle()).name).toBe('Teapot')
    })

    test('goes on without the store, ready and alive', async () => {
      // Asked to stop, etcd 3.5 would wait seven seconds for its streams.
      await server.kill()
      await waitFor(async () => (await (await get('/readyz')).text()).match(/stale|degraded/), {
        timeoutMs: 45_000,
      })
      expect((await get('/readyz')).status).toBe(200)
      expect((await get('/livez')).status).toBe(200)
      expect((await getArticle()).name).toBe('Teapot')
      await server.restart()
      await put('pricing/rate', '2')
      await waitFor(async () => (await getArticle()).price === '49.80 EUR')
    })

    test('ends when told to, with the connections of its clients open', async () => {
      // kept alive by fetch
      await (await fetch(`${shop.url}/articles/1`)).text()
      expect([0, 'SIGTERM']).toContain(await shop.stop())
      await expect(get('/livez')).rejects.toThrow('fetch failed')
    })
  })
})

/** Terminus puts the details below the name of the indicator. */
function reasonIn(body: unknown): { reason: string } {
  const { reason, details } = body as { reason?: string; details?: { config?: { reason?: string } } }
  return { reason: reason ?? details?.config?.reason ?? '' }
}

test('a shop brings a store of its own when it is told of none', async () => {
  await using shop = await startShop('express-shop', { ETCD_ENDPOINTS: '' })
  const endpoint = /--endpoints=(\S+)/.exec(shop.output)![1]!
  await using client = createEtcdClient({ endpoints: [endpoint] })
  await client.kv.put('/config/shop/prod/pricing/currency', 'USD')
  const price = async () => {
    const reply = await fetch(`${shop.url}/articles/1`, { headers: { connection: 'close' } })
    return ((await reply.json()) as { price: string }).price
  }
  await waitFor(async () => (await price()) === '24.90 USD')
  expect(await shop.stop('SIGINT')).toBe(0)
})
