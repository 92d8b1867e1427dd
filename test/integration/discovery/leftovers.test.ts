import { createServer, type ServerResponse } from 'node:http'
import { createDiscovery, livePolicy, type Registration } from '@livetree/discovery'
import { createEtcdClient } from '@livetree/etcd'
import { request } from 'undici'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import { discoveryOn, serviceAt, startProvider } from './discovery-kit.ts'

oneEtcd('F11 nothing is left behind', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer
  beforeAll(async () => {
    server = await etcd.start()
  })
  afterAll(() => server.close())

  test('of an answer that was replaced and never ends', async () => {
    const bad = await startProvider((_, response) => {
      response.writeHead(503)
      response.write('wait')
    })
    const good = await startProvider()
    const { discovery, service } = await serviceAt(server.endpoint, [bad.address, good.address], {
      policy: { default: { algorithm: 'pick-first' } },
    })
    const view = await discovery.openService(service)
    await view.fresh()
    expect((await view.request({ path: '/', method: 'GET' })).statusCode).toBe(200)
    await waitFor(() => view.endpoints.every(({ inFlight }) => inFlight === 0), { timeoutMs: 20_000 })
    expect(bad.received).toHaveLength(1)
  })

  test('of a registration that failed or has ended, at the server', async () => {
    const { discovery } = discoveryOn(server.endpoint)
    const { server: http } = await startProvider()
    const invalid = { service: 'left', server: http, metadata: 1n } as never
    await expect(discovery.register(invalid)).rejects.toMatchObject({ code: 'invalid_option' })
    expect(http.listenerCount('session')).toBe(0)
    const ready = () => {
      throw new Error('not today')
    }
    await expect(discovery.register({ service: 'left', server: http, ready })).rejects.toThrow('not today')
    expect(http.listenerCount('session')).toBe(0)
    await (await discovery.register({ service: 'left', server: http }))[Symbol.asyncDispose]()
    expect(http.listenerCount('session')).toBe(0)
    const closed = createServer()
    const registering = discovery.register({ service: 'left', server: closed })
    closed.emit('error', new Error('no port'))
    await expect(registering).rejects.toMatchObject({ code: 'not_registered' })
    expect(closed.listenerCount('session')).toBe(0)
  })

  test('of many registrations of one server that are deregistered, or whose server is closed', async () => {
    const { discovery, client } = discoveryOn(server.endpoint)
    const { server: http } = await startProvider()
    const registrations: Registration[] = []
    for (let index = 0; index < 12; index += 1)
      registrations.push(await discovery.register({ service: 'left', server: http }))
    // One listener for all of them: Node warns of more than ten.
    expect(http.listenerCount('session')).toBe(1)
    for (const registration of registrations.slice(1)) await registration.deregister()
    expect(registrations.map(({ state }) => state)).toEqual(['registered', ...Array(11).fill('closed')])
    expect([http.listenerCount('session'), http.listenerCount('close')]).toEqual([1, 1])
    http.closeAllConnections()
    http.close()
    await waitFor(() => registrations[0]?.state === 'closed')
    expect((await client.kv.getRange({ prefix: 'services/left/' })).count).toBe(0)
    expect(http.listenerCount('session')).toBe(0)
  })

  test('of requests that are given up while they wait for a connection', async () => {
    const held: ServerResponse[] = []
    const { address } = await startProvider((_, response) => void held.push(response))
    const { discovery, service } = await serviceAt(server.endpoint, [address], {
      policy: { default: { connections: 1 } },
    })
    const view = await discovery.openService(service)
    await view.fresh()
    const first = view.request({ path: '/', method: 'GET' })
    await waitFor(() => held.length === 1)
    const stop = new AbortController()
    const waiting = Array.from({ length: 5 }, () =>
      view.request({ path: '/', method: 'GET', signal: stop.signal }).catch((error: Error) => error.name),
    )
    expect(view.endpoints[0]?.inFlight).toBe(6)
    stop.abort()
    expect(await Promise.all(waiting)).toEqual(Array(5).fill('AbortError'))
    expect(view.endpoints[0]).toMatchObject({ inFlight: 1, health: 'ready', ewmaMs: 0 })
    held[0]?.end('ok')
    await (await first).body.dump()
    expect(view.endpoints[0]?.inFlight).toBe(0)
  })

  test('of a live policy, once its dispatcher is closed', async () => {
    const { discovery } = discoveryOn(server.endpoint)
    let watchers = 0
    const source = {
      current: {},
      watch: () => {
        watchers += 1
        return () => {
          watchers -= 1
        }
      },
    }
    const dispatcher = discovery.dispatcher({ policy: livePolicy(source, (value) => value) })
    expect(watchers).toBe(1)
    await dispatcher.close()
    expect(watchers).toBe(0)
  })

  test.each([[null], [{ latencyMs: -1 }], [{ latencyMs: Number.NaN }], [{ error: null }]])(
    'of a pick that is done with %j',
    async (outcome) => {
      const provider = await startProvider()
      const { discovery, service } = await serviceAt(server.endpoint, [provider.address])
      const view = await discovery.openService(service)
      await view.fresh()
      const { endpoint, done } = view.pick()
      expect(endpoint.inFlight).toBe(1)
      try {
        done(outcome as never)
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_option' })
      }
      expect(endpoint.inFlight).toBe(0)
    },
  )

  test('of a secret, in the message about an option that is none', () => {
    const client = createEtcdClient({ endpoints: [server.endpoint] })
    onTestFinished(() => client.close())
    const pem = '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg'
    for (const tls of [pem, { key: { pem } }, { ca: [pem] }]) {
      const make = () => createDiscovery({ client, tls: tls as never })
      expect(make).toThrow(/tls/)
      expect(make).not.toThrow(/BEGIN|MIIE/)
    }
  })

  test('of a pool, once its requests have ended', async () => {
    const provider = await startProvider()
    const { discovery, url } = await serviceAt(server.endpoint, [provider.address])
    const { body } = await request(url, { dispatcher: discovery.dispatcher() })
    expect(await body.text()).toBe('ok')
  })
})
