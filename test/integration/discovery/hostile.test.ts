import { Pool, request } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { freePorts } from '../../support/free-ports.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { serviceAt, startProvider } from './discovery-kit.ts'

/** What callers, their pools and the network do wrong must stay with them. */
oneEtcd('a dispatcher among faults', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer
  beforeAll(async () => {
    server = await etcd.start()
  })
  afterAll(() => server.close())

  const serviceWith = (
    ...given: Parameters<typeof serviceAt> extends [string, ...infer Rest] ? Rest : never
  ) => serviceAt(server.endpoint, ...given)

  async function deadAddresses(count: number): Promise<string[]> {
    const ports = await freePorts(count)
    return ports.map((port) => `127.0.0.1:${port}`)
  }

  const failureOf = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: Error) => error,
    )

  test('finds the endpoint that works although it was set aside, while all others have died', async () => {
    let isBad = true
    const provider = await startProvider((incoming, response) => {
      if (isBad) incoming.socket.destroy()
      else response.end('ok')
    })
    const { discovery, service } = await serviceWith([provider.address, ...(await deadAddresses(2))], {
      policy: { default: { overrides: { 1: { weight: 0 }, 2: { weight: 0 } } } },
    })
    const view = await discovery.openService(service)
    await view.fresh()
    for (let sent = 0; sent < 5; sent += 1) await failureOf(view.request({ path: '/', method: 'GET' }))
    expect(view.status.counts.ejected).toBe(1)
    isBad = false
    const other = discovery.dispatcher({ policy: {} })
    for (let sent = 0; sent < 100; sent += 1) {
      const { body } = await request(`http://${service}.service/`, { dispatcher: other })
      expect(await body.text()).toBe('ok')
    }
    expect(view.endpoints.find(({ id }) => id === '0')?.health).toBe('ready')
  })

  test('fails no idempotent request when its whole zone dies', async () => {
    const own = [await startProvider(), await startProvider()]
    const others = [await startProvider(), await startProvider()]
    const { discovery, service } = await serviceWith(
      [
        ...own.map(({ address }) => [address, { zone: 'a' }] as const),
        ...others.map(({ address }) => [address, { zone: 'b' }] as const),
      ],
      { zone: 'a' },
    )
    const view = await discovery.openService(service)
    await view.fresh()
    const send = async () => {
      const { body } = await view.request({ path: '/', method: 'GET' })
      await body.text()
    }
    await Promise.all(Array.from({ length: 20 }, send))
    expect(others.flatMap(({ received }) => received)).toEqual([])
    for (const each of own) await each[Symbol.asyncDispose]()
    for (let round = 0; round < 40; round += 1) await Promise.all(Array.from({ length: 10 }, send))
    expect(others.flatMap(({ received }) => received)).toHaveLength(400)
  })

  test.each(['before there is an endpoint', 'at once'])(
    'a pool that cannot be made fails the request, %s',
    async (when) => {
      const { discovery, service, url } = await serviceWith(['127.0.0.1:1', '127.0.0.1:2'], {
        createPool: () => {
          throw new Error('no pools today')
        },
      })
      const dispatcher = discovery.dispatcher()
      if (when === 'at once') await (await discovery.openService(service)).fresh()
      const error = await failureOf(request(url, { dispatcher }))
      expect(error).toMatchObject({ code: 'request_failed', cause: { message: 'no pools today' } })
      await dispatcher.close()
      await discovery.close()
    },
  )

  test('a pool that cannot be made for one endpoint is no harm while there is another', async () => {
    const provider = await startProvider()
    const { discovery, url } = await serviceWith(['127.0.0.1:1', provider.address], {
      createPool: ({ origin, options }) => {
        if (origin.endsWith(':1')) throw new Error('not this one')
        return new Pool(origin, options)
      },
    })
    const dispatcher = discovery.dispatcher()
    for (let sent = 0; sent < 20; sent += 1) {
      expect((await request(url, { dispatcher, method: 'POST' })).statusCode).toBe(200)
    }
  })

  test.each<[string, () => unknown]>([
    ['that are no pairs', () => new Set(['ab'])],
    [
      'that throw',
      () => ({
        [Symbol.iterator]: () => {
          throw new Error('no headers today')
        },
      }),
    ],
    ['of which one is an object', () => ({ 'x-a': { b: 1 } })],
  ])('headers %s fail the request and nothing else', async (_, headers) => {
    const provider = await startProvider()
    const { discovery, service, url } = await serviceWith([provider.address], {
      policy: { default: { hostHeader: 'service', algorithm: 'ring-hash', hashHeader: 'x-a' } },
    })
    const dispatcher = discovery.dispatcher()
    for (let sent = 0; sent < 6; sent += 1) {
      expect(await failureOf(request(url, { dispatcher, headers: headers() as never }))).toBeInstanceOf(Error)
    }
    const view = await discovery.openService(service)
    expect(view.endpoints.map(({ health, inFlight }) => [health, inFlight])).toEqual([['ready', 0]])
    expect(provider.received).toEqual([])
    await dispatcher.close()
  })

  test('options that cannot be read fail their request, and are no use of the service', async () => {
    const provider = await startProvider()
    const { discovery, service } = await serviceWith([provider.address])
    const dispatcher = discovery.dispatcher()
    const thrown = new Error('no body for you')
    const options = {
      origin: `http://${service}.service`,
      path: '/',
      method: 'GET' as const,
      get body(): string {
        throw thrown
      },
    }
    const failed = await new Promise((resolve) => {
      dispatcher.dispatch(options, {
        onRequestStart: () => {},
        onResponseError: (_, error) => resolve(error),
      })
    })
    expect(failed).toBe(thrown)
    const { body } = await request(`http://${service}.service/`, { dispatcher })
    await body.dump()
    await dispatcher.close()
  })

  test('a handler that throws, wherever, ends its request', async () => {
    const provider = await startProvider((_, response) => response.end('ok'))
    const { discovery, service, url } = await serviceWith([provider.address])
    const view = await discovery.openService(service)
    await view.fresh()
    const names = ['onRequestStart', 'onResponseStart', 'onResponseData', 'onResponseEnd'] as const
    for (const name of names) {
      for (let sent = 0; sent < 6; sent += 1) {
        const dispatcher = discovery.dispatcher()
        const error = new Promise((resolve) => {
          const thrown = () => {
            throw new Error(name)
          }
          const handler = { onRequestStart: () => undefined, [name]: thrown }
          const onResponseError = (__: unknown, reason: Error) => resolve(reason.message)
          dispatcher.dispatch({ origin: url, path: '/', method: 'GET' }, { ...handler, onResponseError })
        })
        expect(await error).toBe(name)
        await dispatcher.close()
      }
    }
    expect(view.endpoints.map(({ health, inFlight }) => [health, inFlight])).toEqual([['ready', 0]])
  })

  test.each(['endpoint', 'service'] as const)(
    'headers of an iterator reach each endpoint that is tried, with the host of the %s',
    async (hostHeader) => {
      const seen: unknown[] = []
      const provider = await startProvider((incoming, response) => {
        seen.push(incoming.headers.authorization)
        response.statusCode = seen.length === 1 ? 503 : 200
        response.end()
      })
      const second = await startProvider((incoming, response) => {
        seen.push(incoming.headers.authorization)
        response.statusCode = seen.length === 1 ? 503 : 200
        response.end()
      })
      const { discovery, url } = await serviceWith([provider.address, second.address], {
        policy: { default: { hostHeader } },
      })
      const dispatcher = discovery.dispatcher()
      const headers = new Map([['authorization', 'secret']]).entries()
      const { statusCode } = await request(url, { dispatcher, headers: headers as never })
      expect([statusCode, ...seen]).toEqual([200, 'secret', 'secret'])
    },
  )
})
