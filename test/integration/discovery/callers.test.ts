import { createServer as createNetServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Agent, FormData, request } from 'undici'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import { discoveryOn, serviceAt, startProvider } from './discovery-kit.ts'

/** What callers do and what their endpoints do to them. */
oneEtcd('callers of a dispatcher', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer
  beforeAll(async () => {
    server = await etcd.start()
  })
  afterAll(() => server.close())

  const failureOf = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: Error) => error,
    )

  test("Node's own fetch works through the interceptor, for services and other hosts", async () => {
    const provider = await startProvider()
    const { discovery, url } = await serviceAt(server.endpoint, [provider.address])
    const dispatcher = new Agent().compose(discovery.interceptor())
    onTestFinished(() => dispatcher.close())
    for (const each of [url, `http://${provider.address}`]) {
      const answer = await fetch(each, { dispatcher } as never)
      expect(await answer.text()).toBe('ok')
    }
  })

  test.each([
    ['a time limit', (ms: number) => AbortSignal.timeout(ms)],
    [
      'a signal that is aborted',
      (ms: number) => {
        const controller = new AbortController()
        setTimeout(() => controller.abort(), ms)
        return controller.signal
      },
    ],
  ])('callers with %s stop asking an endpoint that never answers', async (_, signal) => {
    const mute = await startProvider(() => undefined)
    const good = [await startProvider(), await startProvider()]
    const addresses = [mute, ...good].map(({ address }) => address)
    const { discovery, url } = await serviceAt(server.endpoint, addresses)
    for (let sent = 0; sent < 100; sent += 1) {
      await failureOf(discovery.fetch(url, { signal: signal(500) }).then((answer) => answer.text()))
    }
    expect(mute.received.length).toBeLessThan(10)
  })

  test('a connection that the server has cut is no dead endpoint', async () => {
    const served = new WeakMap<object, number>()
    const provider = await startProvider((incoming, response) => {
      const count = (served.get(incoming.socket) ?? 0) + 1
      served.set(incoming.socket, count)
      if (count > 1) incoming.socket.destroy()
      else response.end('ok')
    })
    const { discovery, url } = await serviceAt(server.endpoint, [provider.address])
    const dispatcher = discovery.dispatcher()
    for (let sent = 0; sent < 20; sent += 1) {
      const { body } = await request(url, { dispatcher })
      expect(await body.text()).toBe('ok')
    }
    const post = { dispatcher, method: 'POST', body: 'once' } as const
    const statuses = [await failureOf(request(url, post)), await failureOf(request(url, post))]
    expect(statuses.filter((each) => each !== undefined).length, 'a POST is sent once').toBeGreaterThan(0)
  })

  test('an endpoint that cuts every connection is asked by one request as often as retries are allowed', async () => {
    const provider = await startProvider((incoming) => incoming.socket.destroy())
    const { discovery, url } = await serviceAt(server.endpoint, [provider.address])
    const dispatcher = discovery.dispatcher()
    expect(await failureOf(request(url, { dispatcher }))).toMatchObject({ code: 'request_failed' })
    expect(provider.received).toHaveLength(3)
  })

  test.each<[string, () => unknown]>([
    [
      'a generator',
      () =>
        (async function* () {
          yield 'x'
          throw new Error('no body today')
        })(),
    ],
    [
      'a stream of the web',
      () =>
        new ReadableStream({
          pull: (controller) => controller.error(new Error('no body today')),
        }),
    ],
    [
      'a generator of numbers',
      function* () {
        yield 1
      },
    ],
    [
      'a generator with an object after text',
      async function* () {
        yield 'x'
        yield { a: 1 }
      },
    ],
    ['a Map', () => new Map([['a', 'b']])],
    ['an object', () => ({ a: 'b' })],
    ['a stream of objects', () => Readable.from([{ a: 1 }])],
    ['a stream that was destroyed', () => Readable.from(['a']).destroy()],
    [
      'a stream that has failed',
      () =>
        Readable.from(['a'])
          .on('error', () => undefined)
          .destroy(new Error('no body today')),
    ],
    [
      'a stream that is destroyed while it waits',
      () => {
        const body = new Readable({ read: () => undefined })
        setImmediate(() => body.destroy())
        return body
      },
    ],
  ])('the body of a caller that fails, %s, does not count against the endpoint', async (_, body) => {
    const provider = await startProvider()
    const { discovery, url, service } = await serviceAt(server.endpoint, [provider.address])
    const dispatcher = discovery.dispatcher()
    const view = await discovery.openService(service)
    for (let sent = 0; sent < 6; sent += 1) {
      const error = await failureOf(request(url, { dispatcher, method: 'PUT', body: body() as never }))
      expect(error).not.toMatchObject({ code: 'request_failed' })
      expect(error).toBeInstanceOf(Error)
    }
    expect(view.endpoints.map(({ health, inFlight, ewmaMs }) => [health, inFlight, ewmaMs])).toEqual([
      ['ready', 0, 0],
    ])
  })

  test('a form of a URL is sent as fetch sends it, and again', async () => {
    const seen: unknown[] = []
    const providers = await Promise.all(
      [1, 2].map(() =>
        startProvider(async (incoming, response) => {
          seen.push([incoming.headers['content-type'], await text(incoming)])
          response.writeHead(seen.length === 1 ? 503 : 200).end()
        }),
      ),
    )
    const { discovery, service } = await serviceAt(
      server.endpoint,
      providers.map(({ address }) => address),
    )
    const view = await discovery.openService(service)
    const put = { method: 'PUT', path: '/', body: new URLSearchParams({ a: 'b c' }) } as const
    expect((await view.request(put)).statusCode).toBe(200)
    expect((await view.request({ ...put, headers: { 'Content-Type': 'text/x' } })).statusCode).toBe(200)
    const sent = ['application/x-www-form-urlencoded;charset=UTF-8', 'a=b+c']
    expect(seen).toEqual([sent, sent, ['text/x', 'a=b+c']])
  })

  test.each([
    ['throws', new Error('no pool today')],
    ['is misused', new TypeError('no pool today')],
  ])('a pool that %s says nothing about the endpoint', async (_, error) => {
    const provider = await startProvider()
    const createPool = () =>
      new (class extends Agent {
        override dispatch(): boolean {
          throw error
        }
      })()
    const { discovery, service } = await serviceAt(server.endpoint, [provider.address], { createPool })
    const view = await discovery.openService(service)
    for (let sent = 0; sent < 6; sent += 1)
      expect(String(await failureOf(view.request({ method: 'GET', path: '/' })))).toMatch(/no pool today/)
    expect(view.endpoints.map(({ health, inFlight, ewmaMs }) => [health, inFlight, ewmaMs])).toEqual([
      ['ready', 0, 0],
    ])
  })

  test('forms and blobs are sent again', async () => {
    let isFirst = true
    const answer: Parameters<typeof startProvider>[0] = (_, response) => {
      response.statusCode = isFirst ? 503 : 200
      isFirst = false
      response.end()
    }
    const providers = [await startProvider(answer), await startProvider(answer)]
    const { discovery, url } = await serviceAt(
      server.endpoint,
      providers.map(({ address }) => address),
    )
    const dispatcher = discovery.dispatcher()
    const form = new FormData()
    form.append('a', 'b')
    for (const body of [form, new Blob(['a'])]) {
      isFirst = true
      const { statusCode } = await request(url, { dispatcher, method: 'PUT', body: body as never })
      expect(statusCode).toBe(200)
    }
  })

  test('https:// is never sent in clear text', async () => {
    const provider = await startProvider()
    const { discovery, service } = await serviceAt(server.endpoint, [provider.address], {
      policy: { default: { waitForEndpointsMs: 0 } },
    })
    const view = await discovery.openService(service)
    await view.fresh()
    const dispatcher = discovery.dispatcher()
    const error = await failureOf(request(`https://${service}.service/`, { dispatcher }))
    expect(error).toMatchObject({ code: 'no_endpoints', message: expect.stringContaining("'https'") })
    expect(provider.received).toEqual([])
  })

  test.each<[string, unknown]>([
    ['an object without a name', {}],
    ['a list', []],
    ['a promise', Promise.resolve({ name: 'orders' })],
    ['a name with a slash', { name: 'orders/v2' }],
    ['a path', { name: '../x' }],
    ['an unknown protocol', { name: 'orders', protocol: 'quic' }],
    ['metadata that is no schema', { name: 'orders', metadata: {} }],
    ['an unknown setting', { name: 'orders', protocl: 'http' }],
  ])('%s is no service', async (_, service) => {
    const { discovery } = discoveryOn(server.endpoint)
    const given = { service: service as never, advertise: { host: '127.0.0.1', port: 80 } }
    await expect(discovery.register(given)).rejects.toMatchObject({ code: 'invalid_option' })
    await expect(discovery.openService(service as never)).rejects.toMatchObject({ code: 'invalid_option' })
  })

  test('the protocol of an endpoint that changes is spoken from then on', async () => {
    const provider = await startProvider()
    const { client, discovery, service, url } = await serviceAt(server.endpoint, [provider.address])
    const protocols: string[] = []
    const other = discoveryOn(server.endpoint, {
      createPool: ({ protocol, origin, options }) => {
        protocols.push(protocol)
        return new Agent({ ...options, connections: 1 }).compose(
          (dispatch) => (given, handler) => dispatch({ ...given, origin }, handler),
        )
      },
    }).discovery
    const dispatcher = other.dispatcher()
    const view = await other.openService(service)
    await view.fresh()
    await failureOf(request(url, { dispatcher }))
    const Metadata = JSON.stringify({ id: '0', protocol: 'h2c' })
    await client.kv.put(`services/${service}/0`, JSON.stringify({ Op: 0, Addr: provider.address, Metadata }))
    await waitFor(() => view.endpoints[0]?.protocol === 'h2c')
    await failureOf(request(url, { dispatcher }))
    expect(protocols).toEqual(['http', 'h2c'])
    await discovery.close()
  })

  test('names that are asked once are not kept for ever', async () => {
    const { client, discovery } = discoveryOn(server.endpoint, {
      policy: { default: { waitForEndpointsMs: 0 } },
    })
    const dispatcher = discovery.dispatcher()
    for (let name = 0; name < 1_010; name += 1) {
      const error = await failureOf(request(`http://name-${name}.service/`, { dispatcher }))
      expect(error).toMatchObject({ code: 'no_endpoints' })
    }
    // A request without patience fails before its service is watched.
    for (let name = 10; name < 1_010; name += 1) {
      await using view = await discovery.openService(`name-${name}`)
      await view.fresh()
    }
    expect(client.watch.size).toBeLessThanOrEqual(1_000)
  })

  test('closing does not wait for what another host never ends', async () => {
    const endless = await startProvider((_, response) => void response.write('data'))
    const { discovery } = discoveryOn(server.endpoint, { policy: { default: { drainMs: 50 } } })
    const dispatcher = discovery.dispatcher()
    const { body } = await request(`http://${endless.address}/`, { dispatcher })
    const ended = failureOf(body.text())
    await discovery.close()
    expect(await ended).toBeInstanceOf(Error)
  })

  test('what speaks no HTTP at all fails its request and goes aside', async () => {
    const odd = createNetServer((socket) => void socket.resume().end('SSH-2.0-odd\r\n'))
    odd.listen(0, '127.0.0.1')
    await once(odd, 'listening')
    onTestFinished(() => void odd.close())
    const good = await startProvider()
    const { port } = odd.address() as AddressInfo
    const { discovery, url } = await serviceAt(server.endpoint, [`127.0.0.1:${port}`, good.address])
    const dispatcher = discovery.dispatcher()
    for (let sent = 0; sent < 30; sent += 1) {
      expect((await request(url, { dispatcher })).statusCode).toBe(200)
    }
  })
})
