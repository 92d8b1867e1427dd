import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTestConfig, defineConfig } from '@livetree/core'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { createTroubledConfig, expectTroubleShown } from '../../../test/support/troubled-config.ts'
import { healthHandler } from './health-handler.ts'
import { type LivetreePluginOptions, livetree } from './livetree-plugin.ts'

withoutOpenHandles()

const shop = defineConfig({ name: 'shop', schema: z.object({ greeting: z.string(), price: z.number() }) })
const openConfig = async () => {
  const config = await createTestConfig(shop, { greeting: 'hello', price: 1 })
  onTestFinished(() => config.close())
  return config
}
type ShopConfig = Awaited<ReturnType<typeof openConfig>>

async function createApp(config: ShopConfig, options: Omit<LivetreePluginOptions, 'config'> = {}) {
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(livetree, { config, ...options })
  return app
}

const seen = (config: ShopConfig) => `${config.pinned().greeting}@${config.pinnedSnapshot().version}`

/** Writes down what the route sees, changes the configuration in between, and answers with all of it. */
function tellTwice(app: FastifyInstance, config: ShopConfig, wait: () => Promise<unknown>) {
  app.get('/', async (request) => {
    const before = [seen(config), request.config]
    config.set({ greeting: `changed at ${config.version}` })
    await wait()
    return [...before, seen(config), request.config]
  })
}

describe('livetree', () => {
  test.each([
    ['await', () => Promise.resolve()],
    ['timers', () => sleep(1)],
    ['immediates', () => new Promise((resolve) => setImmediate(resolve))],
  ])('a request sees one state across %s, the next one the newest', async (_kind, wait) => {
    const config = await openConfig()
    const app = await createApp(config)
    tellTwice(app, config, wait)
    const state = { greeting: 'hello', price: 1 }
    expect((await app.inject('/')).json()).toEqual(['hello@1', state, 'hello@1', state])
    expect((await app.inject('/')).json()[2]).toBe('changed at 1@2')
  })

  test('with pin: false a request sees the change: the check above can fail', async () => {
    const config = await openConfig()
    const app = await createApp(config, { pin: false })
    tellTwice(app, config, () => Promise.resolve())
    const [before, , after, onRequest] = (await app.inject('/')).json()
    expect([before, after]).toEqual(['hello@1', 'changed at 1@2'])
    expect(onRequest).toEqual({ greeting: 'changed at 1', price: 1 })
  })

  test("with pin: 'request' request.config is pinned alone, and pinned() follows changes", async () => {
    const config = await openConfig()
    const app = await createApp(config, { pin: 'request' })
    tellTwice(app, config, () => sleep(1))
    const state = { greeting: 'hello', price: 1 }
    expect((await app.inject('/')).json()).toEqual(['hello@1', state, 'changed at 1@2', state])
    expect((await app.inject('/')).json()[1]).toEqual({ greeting: 'changed at 1', price: 1 })
  })

  test('registered twice with names: app.config and request.config hold both, and a request pins both', async () => {
    const [shop, platform] = [await openConfig(), await openConfig()]
    const app = fastify()
    onTestFinished(() => app.close())
    await app.register(livetree, { config: shop, name: 'shop' })
    await app.register(livetree, { config: platform, name: 'platform' })
    expect(app.config).toEqual({ shop, platform })
    app.get('/', async (request) => {
      const before = JSON.stringify(request.config)
      shop.set({ greeting: 'shop' })
      platform.set({ greeting: 'platform' })
      await sleep(1)
      return [before, JSON.stringify(request.config), seen(shop), seen(platform)]
    })
    const state = { greeting: 'hello', price: 1 }
    const held = JSON.stringify({ shop: state, platform: state })
    expect((await app.inject('/')).json()).toEqual([held, held, 'hello@1', 'hello@1'])
    const [later] = (await app.inject('/')).json()
    expect(JSON.parse(later)).toEqual({
      shop: { ...state, greeting: 'shop' },
      platform: { ...state, greeting: 'platform' },
    })
  })

  test('a context inside adds a configuration by name, and leaves those outside as they are', async () => {
    const [shop, inside] = [await openConfig(), await openConfig()]
    const app = fastify()
    onTestFinished(() => app.close())
    await app.register(livetree, { config: shop, name: 'shop' })
    await app.register(async (inner) => {
      await inner.register(livetree, { config: inside, name: 'inside' })
      inner.get('/inner', async (request) => [
        Object.keys(request.config as object),
        Object.keys(inner.config),
      ])
    })
    app.get('/', async (request) => [Object.keys(request.config as object), Object.keys(app.config)])
    expect((await app.inject('/inner')).json()).toEqual([
      ['shop', 'inside'],
      ['shop', 'inside'],
    ])
    expect((await app.inject('/')).json()).toEqual([['shop'], ['shop']])
  })

  test("request.config is the request's own wherever it is read", async () => {
    const config = await openConfig()
    const app = await createApp(config)
    const handedOver = Promise.withResolvers<FastifyRequest>()
    const gate = Promise.withResolvers<void>()
    app.get('/', async (request) => {
      handedOver.resolve(request)
      await gate.promise
      return 'ok'
    })
    const reply = app.inject('/')
    const request = await handedOver.promise
    config.set({ greeting: 'changed' })
    expect([request.config, seen(config)]).toEqual([{ greeting: 'hello', price: 1 }, 'changed@2'])
    gate.resolve()
    await reply
  })

  test('app.config is the live configuration, in every encapsulated plugin', async () => {
    const config = await openConfig()
    const app = await createApp(config)
    await app.register(async (inner) => {
      inner.get('/inner', async (request) => [request.config, inner.config === config])
    })
    expect((await app.inject('/inner')).json()).toEqual([{ greeting: 'hello', price: 1 }, true])
  })

  test('hooks before and after the handler, and the parsing of the body in between, are in the pin', async () => {
    const config = await openConfig()
    const app = await createApp(config)
    const sights: string[] = []
    const isOver = Promise.withResolvers<void>()
    app.addHook('preParsing', async () => void sights.push(`preParsing ${seen(config)}`))
    app.addHook('preHandler', async () => void sights.push(`preHandler ${seen(config)}`))
    app.addHook('onSend', async () => void sights.push(`onSend ${seen(config)}`))
    app.addHook('onResponse', async () => {
      sights.push(`onResponse ${seen(config)}`)
      isOver.resolve()
    })
    app.post('/', async (request, reply) => {
      reply.raw.on('close', () => sights.push(`close ${seen(config)}`))
      return [request.body, seen(config)]
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const headers = { 'content-type': 'application/json' }
    const call = httpRequest(app.listeningOrigin, { method: 'POST', headers })
    call.write('"o')
    await expect.poll(() => sights).toEqual(['preParsing hello@1'])
    config.set({ greeting: 'changed' })
    call.end('ne"')
    const [reply] = (await once(call, 'response')) as [Readable]
    expect(JSON.parse(await text(reply))).toEqual(['one', 'hello@1'])
    await isOver.promise
    await expect.poll(() => sights).toHaveLength(5)
    expect(sights.map((sight) => sight.split(' ')[1])).toEqual(Array(5).fill('hello@1'))
    expect(seen(config)).toBe('changed@2')
  })

  test('closes the configuration with the app, after the last request and what was registered later', async () => {
    const config = await openConfig()
    const app = await createApp(config)
    const order: string[] = []
    const gate = Promise.withResolvers<void>()
    const entered = Promise.withResolvers<void>()
    config.signal.addEventListener('abort', () => order.push('configuration closed'))
    await app.register(async (inner) => {
      inner.addHook('onClose', async () => void order.push(`plugin closed, ${config.health.state}`))
    })
    app.get('/', async () => {
      entered.resolve()
      await gate.promise
      order.push(`request served, ${config.health.state}`)
      return 'ok'
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const reply = fetch(app.listeningOrigin).then((response) => response.text())
    await entered.promise
    const closing = app.close()
    gate.resolve()
    expect(await reply).toBe('ok')
    await closing
    expect(order.at(-1)).toBe('configuration closed')
    expect(order.toSorted()).toEqual(['configuration closed', 'plugin closed, live', 'request served, live'])
  })

  test('with closeOnShutdown: false the configuration outlives the app', async () => {
    const config = await openConfig()
    const app = await createApp(config, { closeOnShutdown: false })
    await app.close()
    expect(config.health.state).toBe('live')
  })
})

test('healthHandler: readiness follows the configuration, liveness only the process', async () => {
  const config = await openConfig()
  const app = await createApp(config)
  app.get('/ready', healthHandler(config))
  app.get('/live', healthHandler(config, { probe: 'liveness' }))
  expect((await app.inject('/ready')).json()).toEqual({
    status: 'up',
    state: 'live',
    revision: 1,
    staleForMs: 0,
  })
  config.disconnect('the store is gone')
  const away = await app.inject('/ready')
  expect([away.statusCode, away.json().state, away.json().reason]).toEqual([
    200,
    'stale',
    expect.stringContaining('the store is gone'),
  ])
  await config.close()
  expect((await app.inject('/ready')).statusCode).toBe(503)
  expect((await app.inject('/live')).statusCode).toBe(200)
})

test('healthHandler shows path and key of a rejected tree, and a resource that failed, until both are mended', async () => {
  const trouble = await createTroubledConfig()
  const { config } = trouble
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(livetree, { config })
  app.get('/readyz', healthHandler(config))
  const ask = async () => (await app.inject('/readyz')).json<{ status: string; reason?: string }>()
  await expectTroubleShown(trouble, ask)
})
