import {
  createDiscovery,
  defineService,
  livePolicy,
  type ServiceChange,
  type ServiceView,
} from '@livetree/discovery'
import { createEtcdClient } from '@livetree/etcd'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { countOpenHandles, expectNoMoreHandlesThan, withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { discoveryOn, startProvider } from './discovery-kit.ts'

const record = (address: string, metadata: object | null = {}) =>
  JSON.stringify({ Op: 0, Addr: address, Metadata: metadata && JSON.stringify(metadata) })
const addresses = (view: ServiceView) => view.endpoints.map(({ address }) => address).sort()

oneEtcd('a view', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer
  beforeAll(async () => {
    server = await etcd.start()
  })
  afterAll(() => server.close())

  test('F6 is the set that the store has, after fresh(), with one event for each revision', async () => {
    const { client, discovery } = discoveryOn(server.endpoint)
    await client.kv.put('services/set/a', record('10.0.0.1:1'))
    const view = await discovery.openService('set')
    expect(addresses(view)).toEqual(['10.0.0.1:1'])
    const changes: ServiceChange[] = []
    view.on('change', (change) => changes.push(change))
    const { op } = await import('@livetree/etcd')
    const { header } = await client.kv
      .txn()
      .then(
        op.put('services/set/b', record('10.0.0.2:1')),
        op.put('services/set/c', record('10.0.0.3:1')),
        op.put('services/set/a', record('10.0.0.1:1', { weight: 7 })),
      )
      .commit()
    await view.fresh()
    expect(addresses(view)).toEqual(['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'])
    expect(view.revision).toBeGreaterThanOrEqual(header.revision)
    expect(changes).toHaveLength(1)
    const [change] = changes
    expect(change?.revision).toBe(header.revision)
    expect(change?.added.map(({ id }) => id).sort()).toEqual(['b', 'c'])
    expect(change?.changed.map(({ weight }) => weight)).toEqual([7])
    expect(view.status).toMatchObject({ state: 'live', isProtected: false, counts: { ready: 3 } })
    const shared = [
      view.endpoints,
      view.endpoints[0],
      change,
      change?.added,
      change?.removed,
      change?.changed,
    ]
    expect(shared.every((each) => Object.isFrozen(each))).toBe(true)
    await client.kv.put('services/set/b', record('10.0.0.2:1'))
    await view.fresh()
    expect(changes, 'the same record again changes nothing').toHaveLength(1)
  })

  test('leaves out and reports what is no record, once, and ignores other services', async () => {
    const { client, discovery } = discoveryOn(server.endpoint)
    const rejected: string[] = []
    await client.kv.put('services/mixed/broken', 'not JSON')
    await client.kv.put('services/mixed/v2/deep', record('10.0.0.9:1'))
    await client.kv.put('services/mixedup/a', record('10.0.0.8:1'))
    await client.kv.put('services/mixed/go', record('10.0.0.1:1', null))
    const view = await discovery.openService('mixed')
    view.on('rejected', (rejection) => {
      const { key, problem } = rejection
      expect(Object.isFrozen(rejection)).toBe(true)
      rejected.push(`${key}: ${problem}`)
    })
    expect(addresses(view)).toEqual(['10.0.0.1:1'])
    await client.kv.put('services/mixed/other', '{"Op":0,"Addr":"nowhere"}')
    await client.kv.put('services/mixed/good', record('10.0.0.2:1'))
    await view.fresh()
    expect(rejected).toEqual([
      'services/mixed/broken: the value is not a JSON object',
      'services/mixed/other: "Addr" is not host:port',
    ])
    expect(addresses(view)).toEqual(['10.0.0.1:1', '10.0.0.2:1'])
    await client.kv.put('services/mixed/other', record('10.0.0.3:1'))
    await view.fresh()
    expect(addresses(view)).toHaveLength(3)
  })

  test('has typed metadata, and leaves out what does not fit for this definition only', async () => {
    const orders = defineService({
      name: 'typed',
      protocol: 'https',
      metadata: z.object({ shard: z.number().int() }),
    })
    const { client, discovery } = discoveryOn(server.endpoint)
    await client.kv.put('services/typed/a', record('10.0.0.1:1', { labels: { shard: 3 } }))
    await client.kv.put('services/typed/b', record('10.0.0.2:1', { labels: { shard: 'x' } }))
    const typed = await discovery.openService(orders)
    const plain = await discovery.openService('typed')
    const rejected: string[] = []
    const listen = (view: ServiceView<unknown>, name: string) =>
      view.on('rejected', ({ key, problem }) => rejected.push(`${name}: ${key} ${problem.split(':')[0]}`))
    listen(typed, 'typed')
    listen(plain, 'plain')
    const shards: number[] = typed.endpoints.map(({ metadata }) => metadata.shard)
    expect(shards).toEqual([3])
    expect(typed.endpoints[0]?.url.href).toBe('https://10.0.0.1:1/')
    expect(plain.endpoints).toHaveLength(2)
    for (let index = 0; index < 50; index += 1) {
      const { endpoint, done } = typed.pick()
      expect(endpoint.metadata.shard).toBe(3)
      done()
    }
    const changes: ServiceChange<{ shard: number }>[] = []
    typed.on('change', (change) => changes.push(change))
    await client.kv.put('services/typed/a', record('10.0.0.1:1', { labels: {} }))
    await client.kv.put('services/typed/b', record('10.0.0.2:1', { labels: { shard: 4 } }))
    await typed.fresh()
    expect(changes.map(({ added, removed }) => [added.length, removed.length])).toEqual([
      [0, 1],
      [1, 0],
    ])
    // What is there is told to each new listener, and what comes, to those views alone that leave it out.
    const late = await discovery.openService(orders)
    listen(late, 'late')
    listen(late, 'gone')()
    await waitFor(() => rejected.length >= 3)
    expect(rejected).toEqual([
      'typed: services/typed/b metadata.shard',
      'typed: services/typed/a metadata.shard',
      'late: services/typed/a metadata.shard',
    ])
    await client.kv.put('services/typed/a', record('10.0.0.1:1', { labels: { shard: 1 } }))
    await late.fresh()
    listen(late, 'nothing left')
    await typed.fresh()
    expect(rejected).toHaveLength(3)
  })

  test('refuses wrong names, listeners and options', async () => {
    const { client, discovery } = discoveryOn(server.endpoint)
    const view = await discovery.openService('options')
    const invalid = expect.objectContaining({ code: 'invalid_option' })
    expect(() => view.on('chnage' as never, () => undefined)).toThrow(invalid)
    expect(() => view.on('change', undefined as never)).toThrow(invalid)
    for (const options of [null, 5, [], { sginal: undefined, s: 1 }, { signal: 5 }])
      await expect(view.fresh(options as never)).rejects.toThrow(invalid)
    const throws = () => {
      throw new Error('mine')
    }
    const policies = [
      { default: 5 },
      { default: [] },
      { Orders: {} },
      { 'a/b': {} },
      { default: { algorithm: 'best' } },
      livePolicy({ current: 1, watch: () => undefined }, throws),
    ]
    for (const policy of policies)
      expect(() => createDiscovery({ client, policy: policy as never }), JSON.stringify(policy)).toThrow(
        invalid,
      )
    for (const other of [{}, { close: () => undefined }, null, 5])
      expect(() => createDiscovery({ client: other as never })).toThrow(invalid)
  })

  test('F5 believes a departure that was announced, and no sudden emptiness', async () => {
    const { client, discovery } = discoveryOn(server.endpoint)
    const providers = [await startProvider(), await startProvider(), await startProvider()]
    const registrations = []
    for (const { server: http } of providers) {
      registrations.push(await discovery.register({ service: 'sudden', server: http, ttlSeconds: 60 }))
    }
    const view = await discovery.openService('sudden')
    await view.fresh()
    await registrations[0]?.deregister()
    await view.fresh()
    expect(view.endpoints).toHaveLength(2)
    await client.kv.put('services/sudden/go', record(providers[0]?.address ?? ''))
    const leases = (await client.lease.list()).slice()
    await view.fresh()
    expect(view.endpoints).toHaveLength(3)
    // No other client may put the keys back before the requests below.
    await client.kv.deleteRange({ prefix: 'services/sudden/' })
    await view.fresh()
    expect(view.endpoints).toHaveLength(3)
    expect((await view.request({ path: '/', method: 'GET' })).statusCode).toBe(200)
    await waitFor(() => view.status.counts.ready === 2, { what: 'the living ones to be back' })
    expect(leases.length).toBeGreaterThan(0)
    expect(view.status).toMatchObject({ isProtected: true, counts: { unconfirmed: 1 } })
    await registrations[1]?.deregister()
    await registrations[2]?.deregister()
    await view.fresh()
    expect(
      view.endpoints.map(({ health }) => health),
      'the last resort',
    ).toEqual(['unconfirmed'])
    expect((await view.request({ path: '/', method: 'GET' })).statusCode).toBe(200)
  })

  test('drops what was forgotten and cannot be connected to, and what is not confirmed in time', async () => {
    const { client, discovery } = discoveryOn(server.endpoint, { protection: { confirmMs: 300 } })
    const provider = await startProvider()
    for (const [id, address] of [
      ['dead', '127.0.0.1:9'],
      ['alive', provider.address],
    ] as const) {
      await client.kv.put(`services/forgotten/${id}`, record(address))
    }
    const view = await discovery.openService('forgotten')
    await client.kv.deleteRange({ prefix: 'services/forgotten/' })
    await view.fresh()
    expect(view.status.counts.unconfirmed).toBe(2)
    await waitFor(
      async () => {
        if (view.endpoints.length > 0) await view.request({ path: '/', method: 'GET' }).catch(() => undefined)
        return view.endpoints.length === 0
      },
      { what: 'both to be dropped' },
    )
    await expect(view.request({ path: '/', method: 'GET' })).rejects.toMatchObject({ code: 'no_endpoints' })
  })

  test('reads the records of go-zero and kratos', async () => {
    const { client } = discoveryOn(server.endpoint)
    await client.kv.put('rpc/user/7587872', '10.0.0.1:8080')
    await client.kv.put(
      '/microservices/user/a',
      '{"id":"a","endpoints":["http://10.0.0.2:8000?isSecure=false"]}',
    )
    const zero = discoveryOn(server.endpoint, { prefix: 'rpc/', codec: 'go-zero' }).discovery
    expect(addresses(await zero.openService('user'))).toEqual(['10.0.0.1:8080'])
    const kratos = discoveryOn(server.endpoint, { prefix: '/microservices/', codec: 'kratos' }).discovery
    expect(addresses(await kratos.openService('user'))).toEqual(['10.0.0.2:8000'])
    const { server: http } = await startProvider()
    await expect(kratos.register({ service: 'user', server: http })).rejects.toMatchObject({
      code: 'invalid_option',
    })
  })

  test('shares its watch with others, and leaves nothing behind', async () => {
    const before = countOpenHandles()
    const client = createEtcdClient({ endpoints: [server.endpoint] })
    const discovery = createDiscovery({ client, logger: false })
    const provider = await startProvider()
    await client.kv.put('services/shared/a', record(provider.address))
    const views = await Promise.all([1, 2, 3].map(() => discovery.openService('shared')))
    expect(client.watch.size).toBe(1)
    await (await views[0]!.request({ path: '/', method: 'GET' })).body.dump()
    await views[0]!.close()
    await expect(views[0]!.request({ path: '/', method: 'GET' })).rejects.toMatchObject({ code: 'closed' })
    expect(views[0]!.status.state).toBe('closed')
    expect((await views[1]!.request({ path: '/', method: 'GET' })).statusCode).toBe(200)
    await client.close()
    expect(client.watch.size).toBe(0)
    expect(views[1]!.status.state, 'nothing proves it any more').toBe('stale')
    await expect(views[1]!.fresh()).rejects.toMatchObject({ code: 'closed' })
    await discovery.close()
    expect(views[1]!.status.state).toBe('closed')
    expect(views[1]!.endpoints, 'the last known good stays readable').toHaveLength(1)
    await expect(discovery.openService('shared')).rejects.toMatchObject({ code: 'closed' })
    await provider[Symbol.asyncDispose]()
    await expectNoMoreHandlesThan(before)
  })
})

oneEtcd('a view without etcd', (etcd) => {
  withoutOpenHandles()

  test('F4 goes on with the last known good, says that it is stale, and catches up', async () => {
    const server = await etcd.start()
    const proxy = await startProxy({ target: server.endpoint })
    onTestFinished(() => proxy.close())
    const { client, discovery } = discoveryOn(proxy.endpoint, {
      staleAfterMs: 1_000,
      protection: { confirmMs: 100 },
    })
    const [one, two] = [await startProvider(), await startProvider()]
    const lease = await client.lease.grant({ ttlSeconds: 2 })
    await client.kv.put('services/away/one', record(one.address), { lease: lease.id })
    await client.kv.put('services/away/two', record(two.address), { lease: lease.id })
    const view = await discovery.openService('away')
    const events: string[] = []
    view.on('stale', () => events.push('stale'))
    view.on('live', () => events.push('live'))
    view.on('change', ({ removed }) => events.push(`removed ${removed.length}`))
    await waitFor(() => view.status.state === 'live')
    proxy.stall()
    await waitFor(() => view.status.state === 'stale', { timeoutMs: 20_000 })
    const witness = createEtcdClient({ endpoints: [server.endpoint] })
    onTestFinished(() => witness.close())
    await waitFor(async () => (await witness.kv.count({ prefix: 'services/away/' })) === 0, {
      timeoutMs: 30_000,
    })
    expect(view.status.staleForMs).toBeGreaterThan(0)
    expect(view.endpoints).toHaveLength(2)
    for (let index = 0; index < 10; index += 1) {
      expect((await view.request({ path: '/', method: 'GET' })).statusCode).toBe(200)
    }
    await witness.kv.put('services/away/two', record(two.address))
    proxy.flow()
    await waitFor(() => view.status.state === 'live', { timeoutMs: 30_000 })
    await view.fresh()
    await waitFor(() => view.endpoints.length === 1, { timeoutMs: 20_000 })
    expect(addresses(view)).toEqual([two.address])
    expect(events.slice(0, 2)).toEqual(['stale', 'live'])
  })

  describe('from the beginning', () => {
    test('opens empty and stale, fails requests with a reason, and begins when etcd is there', async () => {
      const server = await etcd.start()
      const proxy = await startProxy({ target: server.endpoint })
      onTestFinished(() => proxy.close())
      await proxy.refuse()
      const { discovery } = discoveryOn(proxy.endpoint, { policy: { default: { waitForEndpointsMs: 50 } } })
      const view = await discovery.openService('late', { startupTimeoutMs: 100 })
      expect(view.status).toMatchObject({ state: 'stale', revision: 0, counts: { ready: 0 } })
      const failure = await view.request({ path: '/', method: 'GET' }).catch((error: unknown) => error)
      expect(failure).toMatchObject({
        code: 'no_endpoints',
        message: expect.stringContaining('could not be read from etcd yet'),
      })
      const abort = AbortSignal.timeout(50)
      await expect(discovery.openService('later', { signal: abort })).rejects.toMatchObject({
        code: 'cancelled',
      })
      await proxy.accept()
      await waitFor(() => view.status.state === 'live', { timeoutMs: 20_000 })
    })
  })

  test('survives a compaction while it is cut off, and a store that was restored empty', async () => {
    const server = await etcd.start()
    const proxy = await startProxy({ target: server.endpoint })
    onTestFinished(() => proxy.close())
    const { discovery } = discoveryOn(proxy.endpoint)
    const witness = createEtcdClient({ endpoints: [server.endpoint] })
    onTestFinished(() => witness.close())
    await witness.kv.put('services/compacted/a', record('10.0.0.1:1'))
    await witness.kv.put('services/compacted/b', record('10.0.0.2:1'))
    await witness.kv.put('services/compacted/c', record('10.0.0.3:1'))
    const view = await discovery.openService('compacted')
    await proxy.refuse()
    proxy.cutAll()
    await witness.kv.delete('services/compacted/a')
    const { header } = await witness.kv.put('services/compacted/d', record('10.0.0.4:1'))
    await witness.kv.compact(header.revision)
    await proxy.accept()
    await waitFor(() => addresses(view).join() === '10.0.0.2:1,10.0.0.3:1,10.0.0.4:1', { timeoutMs: 20_000 })
    await server.kill()
    await server.restart({ emptyData: true })
    await waitFor(() => view.status.counts.unconfirmed === 3, { timeoutMs: 30_000 })
    expect(view.endpoints).toHaveLength(3)
  })

  test('says at once what etcd refuses', async () => {
    const server = await etcd.start({ auth: { password: 'secret-password' } })
    const warnings: string[] = []
    const logger = {
      debug: () => {},
      info: () => {},
      warn: (message: string) => void warnings.push(message),
      error: () => {},
    }
    const policy = { default: { waitForEndpointsMs: 50 } }
    const { discovery } = discoveryOn(server.endpoint, { logger, policy })
    const { server: http } = await startProvider()
    const begin = performance.now()
    const refused = await discovery
      .register({ service: 'orders', server: http, timeoutMs: 60_000 })
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'not_registered', cause: { name: 'EtcdError' } })
    expect(performance.now() - begin).toBeLessThan(30_000)
    const view = await discovery.openService('orders', { startupTimeoutMs: 200 })
    await waitFor(() => warnings.some((warning) => warning.includes('etcd refuses to list services/orders/')))
    const failure = await view.request({ path: '/', method: 'GET' }).catch((error: unknown) => error)
    expect(String(failure)).toMatch(/could not be read from etcd yet \(\[/)
  })
})
