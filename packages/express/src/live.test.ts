import { get, request } from 'node:http'
import { createTestConfig, defineConfig } from '@livetree/core'
import express, { type Express, type RequestHandler } from 'express'
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
    await expect.poll(() => instances[0]?.isDisposed).toBe(true)
    gate.resolve()
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
