import { get, request } from 'node:http'
import { createTestConfig, defineConfig } from '@livetree/core'
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import { MemoryStore, rateLimit } from 'express-rate-limit'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { serve } from '../../../test/support/serve.ts'
import { configMiddleware } from './config-middleware.ts'
import { live } from './live.ts'

withoutOpenHandles()

const api = defineConfig({
  name: 'api',
  schema: z.object({ limits: z.object({ max: z.number().int() }), motto: z.string().default('') }),
})
const openConfig = async () => {
  const config = await createTestConfig(api, { limits: { max: 1 } })
  onTestFinished(() => config.close())
  return config
}

async function listen(app: Express): Promise<string> {
  const served = await serve(app)
  onTestFinished(() => served[Symbol.asyncDispose]())
  return served.url
}

/** A middleware that says which one it is, holds requests on demand, and knows when it has been disposed. */
function createInstances() {
  const gates = new Map<number, { promise: Promise<void>; entered: { resolve(): void } }>()
  const instances: { max: number; isDisposed: boolean; usedWhenDisposed: number }[] = []
  const create = ({ max }: { readonly max: number }): RequestHandler => {
    const instance = { max, isDisposed: false, usedWhenDisposed: 0 }
    instances.push(instance)
    const handler: RequestHandler = async (_request, response, next) => {
      response.locals.max = max
      gates.get(max)?.entered.resolve()
      await gates.get(max)?.promise
      if (instance.isDisposed) instance.usedWhenDisposed++
      next()
    }
    byHandler.set(handler, instance)
    return handler
  }
  const byHandler = new Map<RequestHandler, (typeof instances)[number]>()
  return {
    create,
    instances,
    dispose(handler: RequestHandler) {
      byHandler.get(handler)!.isDisposed = true
    },
    hold(max: number) {
      const gate = { ...Promise.withResolvers<void>(), entered: Promise.withResolvers<void>() }
      gates.set(max, gate)
      return gate
    },
  }
}

const tellMax: RequestHandler = (_request, response) => void response.send(String(response.locals.max))

describe('live', () => {
  test('makes a new inner middleware when its part changes, and only then', async () => {
    const config = await openConfig()
    const { create, instances, dispose } = createInstances()
    const url = await listen(
      express()
        .use(live(config, (c) => c.limits, create, { dispose }))
        .get('/', tellMax),
    )
    expect(await (await fetch(url)).text()).toBe('1')
    config.set({ motto: 'something else' })
    expect(instances).toHaveLength(1)
    config.set({ limits: { max: 2 } })
    expect(await (await fetch(url)).text()).toBe('2')
    await expect.poll(() => instances.map(({ isDisposed }) => isDisposed)).toEqual([true, false])
  })

  test('disposes the old one after its last request, and serves new requests with the new one meanwhile', async () => {
    const config = await openConfig()
    const { create, instances, dispose, hold } = createInstances()
    const url = await listen(
      express()
        .use(live(config, (c) => c.limits, create, { dispose }))
        .get('/', tellMax),
    )
    const gate = hold(1)
    const slow = fetch(url).then((reply) => reply.text())
    await gate.entered.promise
    config.set({ limits: { max: 2 } })
    expect(await (await fetch(url)).text()).toBe('2')
    expect(instances[0]).toMatchObject({ isDisposed: false })
    gate.resolve()
    expect(await slow).toBe('1')
    await expect.poll(() => instances[0]?.isDisposed).toBe(true)
    expect(instances[0]?.usedWhenDisposed).toBe(0)
  })

  test('a client that goes away gives its instance back', async () => {
    const config = await openConfig()
    const { create, instances, dispose, hold } = createInstances()
    const app = express()
      .use(live(config, (c) => c.limits, create, { dispose }))
      .get('/', tellMax)
    const url = await listen(app)
    const gate = hold(1)
    const call = get(url)
    call.on('error', () => {})
    await gate.entered.promise
    config.set({ limits: { max: 2 } })
    expect(instances[0]?.isDisposed).toBe(false)
    call.destroy()
    gate.resolve()
    await expect.poll(() => instances[0]?.isDisposed).toBe(true)
    expect(instances[0]?.usedWhenDisposed).toBe(0)
  })

  test('one that is made inside a request has no pin of that request', async () => {
    const config = await openConfig()
    let inner: RequestHandler | undefined
    const seen = Promise.withResolvers<number>()
    const lazily: RequestHandler = (request, response, next) => {
      config.set({ limits: { max: 2 } })
      inner ??= live(
        config,
        (c) => c.limits,
        () => {
          setImmediate(() => seen.resolve(config.pinned().limits.max))
          return (_request, _response, go) => go()
        },
      )
      inner(request, response, next)
    }
    const app = express()
      .use(configMiddleware(config), lazily)
      .get('/', (_request, response) => void response.send(String(config.pinned().limits.max)))
    const url = await listen(app)
    expect(await (await fetch(url)).text()).toBe('1')
    expect(await seen.promise).toBe(2)
  })

  test('a factory that throws leaves the old one in service and is reported', async () => {
    const config = await openConfig()
    const errors: unknown[] = []
    config.on('error', (error) => errors.push(error))
    const { create } = createInstances()
    const factory = (limits: { readonly max: number }) => {
      if (limits.max === 13) throw new Error('not thirteen')
      return create(limits)
    }
    const url = await listen(
      express()
        .use(live(config, (c) => c.limits, factory, { name: 'limiter' }))
        .get('/', tellMax),
    )
    config.set({ limits: { max: 13 } })
    expect(await (await fetch(url)).text()).toBe('1')
    expect(String(errors[0])).toMatch(/\[resource_failed\].*limiter.*Error, see cause/)
    expect(String((errors[0] as Error).cause)).toContain('not thirteen')
    config.set({ limits: { max: 2 } })
    expect(await (await fetch(url)).text()).toBe('2')
  })

  test('what the first call of the factory throws reaches the caller', async () => {
    const config = await openConfig()
    const broken = () => {
      throw new Error('no limiter')
    }
    expect(() => live(config, (c) => c.limits, broken)).toThrow('no limiter')
  })

  test.each<[string, () => unknown, RegExp]>([
    ['nothing', () => undefined, /returned nothing/],
    ['null', () => null, /returned nothing/],
    ['a promise', async () => (() => {}) as RequestHandler, /returned a promise/],
    ['a promise that rejects', () => Promise.reject(new Error('unseen')), /returned a promise/],
    ['an object', () => ({ handle() {} }), /returned an object/],
    ['a list of middlewares', () => [() => {}], /returned a list/],
    ['a function of no known arity', () => (_a: 1, _b: 2, _c: 3, _d: 4, _e: 5) => {}, /5 parameters/],
  ])('a factory that gives %s is refused, at once and at a change', async (_name, make, message) => {
    const config = await openConfig()
    const errors: Error[] = []
    config.on('error', (error) => void errors.push(error))
    expect(() => live(config, (c) => c.limits, make as () => RequestHandler)).toThrow(message)
    const { create } = createInstances()
    const factory = (limits: { readonly max: number }) =>
      limits.max === 2 ? (make() as RequestHandler) : create(limits)
    const url = await listen(
      express()
        .use(live(config, (c) => c.limits, factory, { name: 'limiter' }))
        .get('/', tellMax),
    )
    config.set({ limits: { max: 2 } })
    expect(await (await fetch(url)).text()).toBe('1')
    expect(errors).toHaveLength(1)
    expect(errors[0]?.message).toMatch(/^\[resource_failed\].*limiter/)
    expect(errors[0]?.message).toMatch(message)
    config.set({ limits: { max: 3 } })
    expect(await (await fetch(url)).text()).toBe('3')
  })

  test('holds an error handler, which Express knows by its four parameters', async () => {
    const config = await openConfig()
    const handlerFor =
      ({ max }: { readonly max: number }): ErrorRequestHandler =>
      (error, _request, response, _next) => {
        response.status(418).send(`${(error as Error).message} ${max}`)
      }
    const disposed: unknown[] = []
    const app = express()
    app.get('/', () => {
      throw new Error('broken')
    })
    app.get('/fine', (_request, response) => void response.send('fine'))
    app.use(live(config, (c) => c.limits, handlerFor, { dispose: (old) => disposed.push(old) }))
    const url = await listen(app)
    expect(await (await fetch(url)).text()).toBe('broken 1')
    config.set({ limits: { max: 2 } })
    const reply = await fetch(url)
    expect([reply.status, await reply.text()]).toEqual([418, 'broken 2'])
    expect(await (await fetch(`${url}/fine`)).text()).toBe('fine')
    await expect.poll(() => disposed).toHaveLength(1)
  })

  test('an error handler stays one, and a middleware one', async () => {
    const config = await openConfig()
    const errors: Error[] = []
    config.on('error', (error) => void errors.push(error))
    const onError: ErrorRequestHandler = (_error, _request, response, _next) => void response.send('on error')
    const { create } = createInstances()
    const factory = (limits: { readonly max: number }) => (limits.max === 2 ? onError : create(limits))
    const url = await listen(
      express()
        .use(live(config, (c) => c.limits, factory as typeof create))
        .get('/', tellMax),
    )
    config.set({ limits: { max: 2 } })
    expect(await (await fetch(url)).text()).toBe('1')
    expect(errors[0]?.message).toMatch(/error handler.*middleware/)
  })

  test('a middleware and an error handler that reject reach the error handling of Express 5', async () => {
    const config = await openConfig()
    const app = express()
    app.use(
      live(
        config,
        (c) => c.limits,
        () => async () => {
          throw new Error('first')
        },
      ),
    )
    app.use(
      live(
        config,
        (c) => c.limits,
        (): ErrorRequestHandler => async (error: Error, _request, _response, _next) => {
          throw new Error(`${error.message}, second`)
        },
      ),
    )
    const last: ErrorRequestHandler = (error: Error, _request, response, _next) =>
      void response.send(error.message)
    expect(await (await fetch(await listen(app.use(last)))).text()).toBe('first, second')
  })

  test('after close, of the middleware or of the configuration, nothing disposed serves', async () => {
    const config = await openConfig()
    const { create, instances, dispose } = createInstances()
    const closed = live(config, (c) => c.limits, create, { dispose, name: 'limiter' })
    const url = await listen(express().use(closed).get('/', tellMax))
    await closed.close()
    expect(instances[0]?.isDisposed).toBe(true)
    const reply = await fetch(url)
    expect([reply.status, instances[0]?.usedWhenDisposed]).toEqual([503, 0])
    const harmless = await listen(
      express()
        .use(live(config, (c) => c.limits, create))
        .get('/', tellMax),
    )
    await config.close()
    expect(await (await fetch(harmless)).text()).toBe('1')
  })

  test('on a closed configuration nothing is made', async () => {
    const config = await openConfig()
    await config.close()
    const { create, instances } = createInstances()
    expect(() => live(config, (c) => c.limits, create)).toThrow(/\[closed\]/)
    expect(() =>
      live(
        config,
        (c) => c.limits,
        () => undefined as never,
      ),
    ).toThrow(/\[closed\]/)
    expect(instances).toEqual([])
  })

  test('closed from within its factory, it leaves nothing behind', async () => {
    const config = await openConfig()
    const { create, instances, dispose } = createInstances()
    let closing: Promise<void> | undefined
    const factory = (limits: { readonly max: number }) => {
      if (limits.max === 2) closing = limiter.close()
      return create(limits)
    }
    const limiter = live(config, (c) => c.limits, factory, { dispose })
    config.set({ limits: { max: 2 } })
    await closing
    await limiter.close()
    await expect.poll(() => instances.map(({ isDisposed }) => isDisposed)).toEqual([true, true])
  })

  test('close disposes the last one once its requests are over; so does closing the configuration', async () => {
    const config = await openConfig()
    const { create, instances, dispose } = createInstances()
    const first = live(config, (c) => c.limits, create, { dispose })
    await first.close()
    expect(instances.map(({ isDisposed }) => isDisposed)).toEqual([true])
    live(config, (c) => c.limits, create, { dispose })
    await config.close()
    await expect.poll(() => instances.map(({ isDisposed }) => isDisposed)).toEqual([true, true])
  })

  test('behind the pin, in one tick, a request sees the part its middleware was made from', async () => {
    const config = await openConfig()
    const { create } = createInstances()
    const app = express().use(
      configMiddleware(config),
      live(config, (c) => c.limits, create),
    )
    app.get('/', (_request, response) => {
      config.set({ limits: { max: 2 } })
      response.json([config.pinned().limits.max, response.locals.max])
    })
    expect(await (await fetch(await listen(app))).json()).toEqual([1, 1])
  })

  test("express-rate-limit's limit follows the configuration, and the old store's timer goes", async () => {
    const config = await openConfig()
    const createLimiter = ({ max }: { readonly max: number }) => {
      const store = new MemoryStore()
      return Object.assign(rateLimit({ windowMs: 60_000, limit: max, store }), { store })
    }
    const limiter = live(config, (c) => c.limits, createLimiter, { dispose: ({ store }) => store.shutdown() })
    const url = await listen(
      express()
        .use(limiter)
        .get('/', (_request, response) => void response.send('ok')),
    )
    const statuses = async (count: number) => {
      const found: number[] = []
      for (let call = 0; call < count; call++) found.push((await fetch(url)).status)
      return found
    }
    expect(await statuses(2)).toEqual([200, 429])
    config.set({ limits: { max: 3 } })
    expect(await statuses(4)).toEqual([200, 200, 200, 429])
  })
})

test('an abandoned upload gives its instance back', async () => {
  const config = await openConfig()
  const { create, instances, dispose } = createInstances()
  const app = express().use(live(config, (c) => c.limits, create, { dispose }))
  const isIn = Promise.withResolvers<void>()
  app.post('/', (upload) => {
    upload.resume()
    isIn.resolve()
  })
  const call = request(await listen(app), { method: 'POST' })
  call.on('error', () => {})
  call.write('half')
  await isIn.promise
  config.set({ limits: { max: 2 } })
  expect(instances[0]?.isDisposed).toBe(false)
  call.destroy()
  await expect.poll(() => instances[0]?.isDisposed).toBe(true)
})
