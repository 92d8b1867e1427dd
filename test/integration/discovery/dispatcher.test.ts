import { createServer as createNetServer } from 'node:net'
import { Readable } from 'node:stream'
import { type DiscoveryError, livePolicy, type PolicySettingsByService } from '@livetree/discovery'
import * as undici from 'undici'
import { Agent, fetch as undiciFetch, getGlobalDispatcher, request, setGlobalDispatcher } from 'undici'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { freePorts } from '../../support/free-ports.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import { discoveryOn, startProvider } from './discovery-kit.ts'

const record = (address: string, metadata: object = {}) =>
  JSON.stringify({ Op: 0, Addr: address, Metadata: JSON.stringify(metadata) })

oneEtcd('the dispatcher', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer
  let services = 0
  beforeAll(async () => {
    server = await etcd.start()
  })
  afterAll(() => server.close())

  /** A service of its own with these addresses, each as Go would register it. */
  async function serviceWith(addresses: readonly string[], policy: PolicySettingsByService = {}) {
    services += 1
    const service = `s${services}`
    const { client, discovery } = discoveryOn(server.endpoint, { policy })
    for (const [index, address] of addresses.entries()) {
      await client.kv.put(`services/${service}/${index}`, record(address))
    }
    const view = await discovery.openService(service)
    await view.fresh()
    const dispatcher = discovery.dispatcher()
    return { client, discovery, service, view, dispatcher, url: `http://${service}.service` }
  }

  /** An address at which nobody listens. */
  async function deadAddress(): Promise<string> {
    const [port] = await freePorts(1)
    return `127.0.0.1:${port}`
  }

  test('finds the one endpoint that listens beside many that refuse, unless nothing is to be tried again', async () => {
    const provider = await startProvider()
    const dead = await Promise.all(Array.from({ length: 9 }, deadAddress))
    const { dispatcher, url } = await serviceWith([...dead, provider.address])
    const asks = Array.from({ length: 5 }, async () => {
      const { statusCode, body } = await request(url, { dispatcher, method: 'POST', body: 'x' })
      await body.dump()
      return statusCode
    })
    expect(await Promise.all(asks)).toEqual([200, 200, 200, 200, 200])
    const none = await serviceWith(await Promise.all([deadAddress(), deadAddress(), deadAddress()]), {
      default: { retries: { most: 0 } },
    })
    await expect(request(none.url, { dispatcher: none.dispatcher })).rejects.toThrow(
      /failed at 127\.0\.0\.1:\d+ \([^)]*\)\./,
    )
  })

  test("takes undici's request and fetch and Node's own fetch, with GET and POST, and passes other hosts on", async () => {
    const provider = await startProvider((incoming, response) => {
      response.end(`${incoming.method} ${incoming.headers.host}`)
    })
    const { dispatcher, url, discovery } = await serviceWith([provider.address])
    const ask = async (answer: { text(): Promise<string> } | Promise<{ text(): Promise<string> }>) =>
      (await answer).text()
    expect(await ask((await request(`${url}/a`, { dispatcher })).body)).toBe(`GET ${provider.address}`)
    expect(await ask(undiciFetch(`${url}/a`, { dispatcher }))).toBe(`GET ${provider.address}`)
    const post = { method: 'POST', body: 'x', dispatcher } as const
    expect(await ask(undiciFetch(`${url}/a`, post))).toBe(`POST ${provider.address}`)
    expect(await ask(fetch(`${url}/a`, { dispatcher } as never))).toBe(`GET ${provider.address}`)
    expect(await ask(fetch(`${url}/a`, post as never))).toBe(`POST ${provider.address}`)
    expect(await ask(discovery.fetch(`${url}/a`))).toBe(`GET ${provider.address}`)
    expect(await ask(undiciFetch(`http://${provider.address}/a`, { dispatcher }))).toBe(
      `GET ${provider.address}`,
    )
    const before = getGlobalDispatcher()
    setGlobalDispatcher(dispatcher)
    expect(await ask(fetch(`${url}/a`)).finally(() => setGlobalDispatcher(before))).toBe(
      `GET ${provider.address}`,
    )
    const agent = new Agent().compose(discovery.interceptor())
    onTestFinished(() => agent.close())
    expect(await ask((await request(`${url}/a`, { dispatcher: agent })).body)).toBe(`GET ${provider.address}`)
    expect(await ask((await request(`http://${provider.address}/`, { dispatcher: agent })).body)).toContain(
      'GET',
    )
  })

  test("discovery.fetch takes the Request and the FormData of Node, and undici's", async () => {
    const provider = await startProvider((incoming, response) => {
      const { method, headers } = incoming
      const said = [method, headers['x-a'], String(headers['content-type']).split(';')[0]].join(' ')
      let received = ''
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        received += chunk
      })
      incoming.on('end', () => {
        const shown = /file text|abc/.exec(received)?.[0]
        response.end(`${said} ${shown} ${/filename="[^"]*"/.exec(received)?.[0]}`)
      })
    })
    const { url, discovery } = await serviceWith([provider.address])
    const headers = { 'x-a': 'b' }
    const stop = new AbortController()
    for (const classes of [globalThis, undici] as (typeof undici)[]) {
      const form = new classes.FormData()
      form.append('some', new File(['file text'], 'a.txt'))
      const given: Parameters<typeof discovery.fetch>[] = [
        [url, { method: 'POST', headers, body: form }],
        [new classes.Request(url, { method: 'PUT', headers, body: form })],
      ]
      for (const [input, init] of given) {
        const answer = await discovery.fetch(input, init)
        expect(answer).toBeInstanceOf(undici.Response)
        expect(await answer.text()).toMatch(/^P\w+ b multipart\/form-data file text filename="a.txt"$/)
      }
      const text = new classes.Request(url, { method: 'POST', headers, body: 'abc' })
      expect(await (await discovery.fetch(text)).text()).toMatch(/^POST b text\/plain abc/)
      const stopped = discovery.fetch(new classes.Request(url, { method: 'POST', signal: stop.signal }))
      stop.abort()
      await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
    }
  })

  test('sends the name of the service as host if the policy says so', async () => {
    const provider = await startProvider((incoming, response) => response.end(incoming.headers.host))
    const { view, service } = await serviceWith([provider.address], { default: { hostHeader: 'service' } })
    const { body } = await view.request({ path: '/', method: 'GET', headers: { 'x-a': 'b' } })
    expect(await body.text()).toBe(`${service}.service`)
  })

  test('F7 repeats what was surely not sent, whatever the method, with text, bytes and untouched streams', async () => {
    const provider = await startProvider((incoming, response) =>
      response.end(incoming.headers['content-length'] ?? 'stream'),
    )
    const dead = await deadAddress()
    const policy = {
      default: { algorithm: 'pick-first', slowStartMs: 0, outliers: { failuresInRow: 0 } },
    } as const
    const { url, dispatcher, view } = await serviceWith([dead, provider.address], policy)
    for (const body of ['abc', Buffer.from('abc'), Readable.from(['abc'])]) {
      const answer = await request(url, { method: 'POST', body, dispatcher })
      expect(await answer.body.text()).toBe(body instanceof Readable ? 'stream' : '3')
    }
    const fetched = await fetch(url, { method: 'POST', body: 'abc', dispatcher } as never)
    expect(await fetched.text()).toBe('3')
    expect(provider.received).toHaveLength(4)
    expect(view.endpoints.map(({ inFlight }) => inFlight)).toEqual([0, 0])
  })

  /** A server that reads a request and resets its connection. */
  async function resettingAddress(): Promise<{ address: string; received: () => number }> {
    let received = 0
    const sockets = createNetServer((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', () => {
        received += 1
        socket.resetAndDestroy()
      })
    })
    await new Promise<void>((resolve) => sockets.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void sockets.close())
    const { port } = sockets.address() as { port: number }
    return { address: `127.0.0.1:${port}`, received: () => received }
  }

  test('F7 repeats idempotent requests after a reset and a 503, and sends a POST once', async () => {
    const resetting = await resettingAddress()
    const busy = await startProvider((_, response) => {
      response.writeHead(503, { 'retry-after': '1' }).end('busy')
    })
    const good = await startProvider()
    const policy = { default: { algorithm: 'pick-first', outliers: { failuresInRow: 0 } } } as const
    const { url, dispatcher } = await serviceWith([resetting.address, busy.address, good.address], policy)
    const got = await request(url, { dispatcher })
    expect(await got.body.text()).toBe('ok')
    expect([resetting.received(), busy.received.length, good.received.length]).toEqual([1, 1, 1])
    const posted = await request(url, { method: 'POST', body: 'x', dispatcher }).catch(
      (error: unknown) => error,
    )
    expect(posted).toMatchObject({
      code: 'request_failed',
      message: expect.stringContaining(resetting.address),
    })
    expect([resetting.received(), busy.received.length, good.received.length]).toEqual([2, 1, 1])
    const marked = await request(url, { method: 'POST', body: 'x', idempotent: true, dispatcher })
    expect(await marked.body.text()).toBe('ok')
    const unlimited = await request(url, { headersTimeout: 0, dispatcher })
    expect(await unlimited.body.text()).toBe('ok')
  })

  test('passes the answer of a failing gateway on when there is no other endpoint', async () => {
    const busy = await startProvider((_, response) => void response.writeHead(503).end('busy'))
    const { url, dispatcher, view } = await serviceWith([busy.address])
    const answer = await request(url, { dispatcher })
    expect([answer.statusCode, await answer.body.text()]).toEqual([503, 'busy'])
    expect(busy.received).toHaveLength(1)
    await waitFor(() => view.endpoints[0]?.inFlight === 0)
  })

  test('limits retries by its budget and says so', async () => {
    const dead = [await deadAddress(), await deadAddress()]
    const policy = {
      default: { retries: { budgetShare: 0, budgetPerSecond: 0.1 }, outliers: { failuresInRow: 0 } },
    }
    const { view } = await serviceWith(dead, policy)
    const codes = new Set<string>()
    for (let index = 0; index < 3; index += 1) {
      await view.request({ path: '/', method: 'GET' }).catch(({ code }: DiscoveryError) => codes.add(code))
    }
    expect(codes).toEqual(new Set(['request_failed', 'retry_budget_exhausted']))
  })

  test('waits for a first endpoint, and fails in time and with a reason without one', async () => {
    const provider = await startProvider()
    const policy = { default: { waitForEndpointsMs: 10_000 }, ...{ never: { waitForEndpointsMs: 2_000 } } }
    const { url, dispatcher, client, service } = await serviceWith([], policy)
    const waiting = request(url, { dispatcher })
    await client.kv.put(`services/${service}/late`, record(provider.address))
    expect((await waiting).statusCode).toBe(200)
    const failed = await request('http://never.service/', { dispatcher }).catch((error: unknown) => error)
    expect(failed).toMatchObject({
      code: 'no_endpoints',
      message: expect.stringContaining('services/never/'),
    })
    const aborted = new AbortController()
    const abandoned = request('http://absent.service/', { dispatcher, signal: aborted.signal })
    aborted.abort(new Error('enough'))
    await expect(abandoned).rejects.toThrow('enough')
    for (const url of ['http://orders.service:8080/', 'http://a_b.service/']) {
      await expect(request(url, { dispatcher })).rejects.toMatchObject({ code: 'invalid_option' })
    }
  })

  test('ends what runs at a removed endpoint, and sends nothing new to it', async () => {
    const held: (() => void)[] = []
    const slow = await startProvider((_, response) => held.push(() => void response.end('late')))
    const other = await startProvider()
    const { url, dispatcher, client, service, view } = await serviceWith([slow.address])
    const running = request(url, { dispatcher })
    await waitFor(() => held.length === 1)
    await client.kv.put(`services/${service}/other`, record(other.address))
    await client.kv.put(`services/${service}/0`, record(slow.address, { leaving: true }))
    await client.kv.delete(`services/${service}/0`)
    await view.fresh()
    expect(view.endpoints.map(({ address }) => address)).toEqual([other.address])
    for (let index = 0; index < 10; index += 1) await (await request(url, { dispatcher })).body.dump()
    expect(other.received).toHaveLength(10)
    held[0]?.()
    expect(await (await running).body.text()).toBe('late')
    expect(slow.received).toHaveLength(1)
  })

  test('sends nothing to an endpoint that has crashed and is believed to have', async () => {
    const providers = [await startProvider(), await startProvider(), await startProvider()]
    const [crashed] = providers
    const { url, dispatcher, client, service, view } = await serviceWith(
      providers.map(({ address }) => address),
    )
    for (let index = 0; index < 30; index += 1) await (await request(url, { dispatcher })).body.dump()
    const before = crashed?.received.length
    expect(before).toBeGreaterThan(0)
    await client.kv.delete(`services/${service}/0`)
    await view.fresh()
    for (let index = 0; index < 30; index += 1) await (await request(url, { dispatcher })).body.dump()
    expect(crashed?.received.length).toBe(before)
    expect(await new Promise((resolve) => crashed?.server.getConnections((_, count) => resolve(count)))).toBe(
      0,
    )
  })

  test('lets the caller abort at every stage, and counts the request as ended', async () => {
    const silent = await startProvider((incoming, response) => {
      if (incoming.url === '/head') response.writeHead(200).write('a')
    })
    const { dispatcher, url, view } = await serviceWith([silent.address])
    const abort = new AbortController()
    const running = request(`${url}/`, { dispatcher, signal: abort.signal })
    await waitFor(() => silent.received.length === 1)
    expect(view.endpoints[0]?.inFlight).toBe(1)
    abort.abort(new Error('stop'))
    await expect(running).rejects.toThrow('stop')
    const later = new AbortController()
    const { body } = await request(`${url}/head`, { dispatcher, signal: later.signal })
    later.abort(new Error('stop'))
    await expect(body.text()).rejects.toThrow('stop')
    await waitFor(() => view.endpoints[0]?.inFlight === 0)
    expect(view.endpoints[0]?.health).toBe('ready')
    await expect(view.request({ path: 'bad path', method: 'GET' })).rejects.toThrow(/path must be/)
    expect(view.endpoints[0]?.inFlight).toBe(0)
  })

  test('sets an endpoint aside whose requests fail, and says so', async () => {
    const resetting = await resettingAddress()
    const good = [await startProvider(), await startProvider(), await startProvider()]
    const addresses = [resetting.address, ...good.map(({ address }) => address)]
    const { url, dispatcher, view } = await serviceWith(addresses, { default: { algorithm: 'round-robin' } })
    for (let index = 0; index < 60; index += 1) await (await request(url, { dispatcher })).body.dump()
    expect(view.endpoints.find(({ address }) => address === resetting.address)?.health).toBe('ejected')
    expect(view.status.counts).toMatchObject({ ready: 3, ejected: 1 })
    expect(resetting.received()).toBe(5)
  })

  test('prefers its zone, obeys weights, and follows a live policy', async () => {
    const [near, far] = [await startProvider(), await startProvider()]
    const also = await startProvider()
    const { client } = discoveryOn(server.endpoint)
    for (const [provider, zone] of [
      [near, 'eu'],
      [also, 'eu'],
      [far, 'us'],
    ] as const) {
      await client.kv.put(
        `services/zoned/${zone}-${provider.port}`,
        record(provider.address, { zone, id: `${provider.port}` }),
      )
    }
    let settings: PolicySettingsByService = {}
    let onChange: (settings: PolicySettingsByService) => void = () => undefined
    const source = {
      get current() {
        return settings
      },
      watch(_: unknown, handler: (settings: PolicySettingsByService) => void) {
        onChange = handler
        return () => undefined
      },
    }
    const { discovery } = discoveryOn(server.endpoint, {
      zone: 'eu',
      policy: livePolicy(source, (all) => all),
    })
    const view = await discovery.openService('zoned')
    await view.fresh()
    const send = async (count: number) => {
      for (let index = 0; index < count; index += 1)
        await (await view.request({ path: '/', method: 'GET' })).body.dump()
    }
    await send(40)
    expect([far.received.length, near.received.length + also.received.length]).toEqual([0, 40])
    settings = { zoned: { overrides: { [near.port]: { weight: 0 }, [also.port]: { weight: 0 } } } }
    onChange(settings)
    await send(20)
    expect(far.received).toHaveLength(20)
    settings = { zoned: { algorithm: 'nonsense' as never } }
    onChange(settings)
    await send(5)
    expect(far.received, 'an unusable policy leaves the last one').toHaveLength(25)
  })

  test('gives endpoints for other protocols', async () => {
    const { view } = await serviceWith(['127.0.0.1:7', '127.0.0.1:8'])
    const picked = view.pick()
    expect(view.endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0)).toBe(1)
    picked.done({ latencyMs: 12 })
    picked.done({ error: new Error('counts once') })
    expect(picked.endpoint).toMatchObject({ inFlight: 0, ewmaMs: 12, health: 'ready' })
    expect(picked.endpoint.url.href).toBe(`http://${picked.endpoint.address}/`)
    expect(() => view.pick({ zonee: 'a' } as never)).toThrow(/no option zonee/)
  })

  test('closes after its running requests, fails the later ones, and destroys at once', async () => {
    const held: (() => void)[] = []
    const slow = await startProvider((_, response) => held.push(() => void response.end('late')))
    const { url, dispatcher, discovery } = await serviceWith([slow.address])
    const running = request(url, { dispatcher })
    await waitFor(() => held.length === 1)
    const closed = dispatcher.close()
    await expect(request(url, { dispatcher })).rejects.toMatchObject({ code: 'closed' })
    held[0]?.()
    expect(await (await running).body.text()).toBe('late')
    await closed
    const other = discovery.dispatcher()
    const hanging = request(url, { dispatcher: other })
    await waitFor(() => held.length === 2)
    const failed = expect(hanging).rejects.toMatchObject({ code: 'closed' })
    await other.destroy()
    await failed
  })
})
