import { createTestConfig, defineConfig, type LiveConfig } from '@livetree/core'
import fastify, { type FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { healthHandler } from './health-handler.ts'
import { type LivetreePluginOptions, livetree } from './livetree-plugin.ts'

withoutOpenHandles()

const shop = defineConfig({ name: 'shop', schema: z.object({ greeting: z.string() }) })
const openConfig = async (greeting = 'hello') => {
  const config = await createTestConfig(shop, { greeting })
  onTestFinished(() => config.close())
  return config
}
const createApp = () => {
  const app = fastify()
  onTestFinished(() => app.close())
  return app
}
const register = async (options: unknown) =>
  void (await createApp().register(livetree, options as LivetreePluginOptions))

describe('the plugin names what it got instead of a configuration', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['a promise', () => ({ config: openConfig() }), /got a promise: forgot await\?/],
    ['a definition', () => ({ config: shop }), /got the definition "shop".*call load\(\)/],
    ['nothing', () => ({ config: undefined }), /got no configuration/],
    ['no options', () => undefined, /got no configuration/],
    [
      'options without it',
      () => ({ pin: true }),
      /got an object without config; expected an object, \{ config \}/,
    ],
    [
      'the configuration in the place of the options',
      () => openConfig(),
      /got a configuration; expected an object/,
    ],
    ['its values', () => ({ config: { greeting: 'hello' } }), /got an object/],
    [
      'an option nobody knows',
      async () => ({ config: await openConfig(), closeOnShutDown: false }),
      /Did you mean "closeOnShutdown"/,
    ],
    [
      'a wrong option',
      async () => ({ config: await openConfig(), pin: 'no' }),
      /pin = .*no.*; expected true, false, 'async' or 'request'/,
    ],
  ])('%s', async (_name, give, message) => {
    const failing = register(await give())
    await expect(failing).rejects.toThrow(/^\[invalid_options\] app\.register\(livetree, \{ config \}\) /)
    await expect(register(await give())).rejects.toThrow(message)
  })

  test('healthHandler too', async () => {
    expect(() => healthHandler(shop as never)).toThrow(/healthHandler\(\) got the definition "shop"/)
    expect(() => healthHandler(undefined as never)).toThrow(/healthHandler\(\) got no configuration/)
    const config = await openConfig()
    expect(() => healthHandler(config, { probe: 'live' } as never)).toThrow(/'liveness'/)
  })
})

describe('names', () => {
  test('a name that the app has, and names beside none', async () => {
    const app = createApp()
    await app.register(livetree, { config: await openConfig(), name: 'shop' })
    await expect(app.register(livetree, { config: await openConfig(), name: 'shop' })).rejects.toThrow(
      'got the name "shop", which this app has already',
    )
    const mixed = createApp()
    await mixed.register(livetree, { config: await openConfig() })
    await expect(mixed.register(livetree, { config: await openConfig(), name: 'other' })).rejects.toThrow(
      'Give each of several configurations a name, app.register(livetree, { config, name })',
    )
    await expect(register({ config: await openConfig(), name: '' })).rejects.toThrow('expected a name')
  })
})

describe('decorators that are there already', () => {
  test.each<[string, (app: ReturnType<typeof fastify>) => unknown]>([
    [
      'another registration',
      async (app) => void (await app.register(livetree, { config: await openConfig() })),
    ],
    ['app.config of another plugin', (app) => void app.decorate('config', {} as never)],
    ['request.config of another plugin', (app) => void app.decorateRequest('config', null as never)],
    [
      'a plugin such as @fastify/env',
      async (app) =>
        void (await app.register(
          fastifyPlugin(async (inner: FastifyInstance) => void inner.decorate('config', {} as never)),
        )),
    ],
  ])('%s is named, with the way out', async (_name, decorate) => {
    const app = createApp()
    await decorate(app)
    const registration = async () => void (await app.register(livetree, { config: await openConfig() }))
    await expect(registration()).rejects.toThrow(
      /^\[invalid_options\] app\.register\(livetree.*config.*already.*register\(async/s,
    )
  })

  test('options that Fastify gives to every plugin are none of ours', async () => {
    const app = createApp()
    await app.register(livetree, {
      config: await openConfig(),
      prefix: '/x',
      logLevel: 'warn',
    } as LivetreePluginOptions)
    app.get('/', (request) => (request.config as { greeting: string }).greeting)
    expect((await app.inject('/')).body).toBe('hello')
  })
})

describe('encapsulation', () => {
  test('two contexts have a configuration each, with prefixes, beside and inside each other', async () => {
    const app = createApp()
    const [outer, inner, beside] = await Promise.all([
      openConfig('outer'),
      openConfig('inner'),
      openConfig('beside'),
    ])
    const answer = async (request: { config: unknown }) => {
      for (const config of [outer, inner, beside]) config.set({ greeting: `${config.current.greeting}!` })
      await Promise.resolve()
      return [request.config, outer.pinned(), inner.pinned(), beside.pinned()].map(
        (c) => (c as { greeting: string }).greeting,
      )
    }
    await app.register(livetree, { config: outer })
    app.get('/', answer)
    await app.register(
      async (child) => {
        await child.register(livetree, { config: inner })
        expect(child.config).toBe(inner)
        child.get('/', answer)
      },
      { prefix: '/inner' },
    )
    await app.register(
      async (child) => {
        await child.register(livetree, { config: beside, pin: false })
        child.get('/', answer)
      },
      { prefix: '/beside' },
    )
    expect(app.config).toBe(outer)
    expect((await app.inject('/')).json()).toEqual(['outer', 'outer', 'inner!', 'beside!'])
    expect((await app.inject('/inner')).json()).toEqual(['inner!', 'outer!', 'inner!', 'beside!!'])
    expect((await app.inject('/beside')).json()).toEqual(['beside!!!', 'outer!!', 'inner!!!', 'beside!!!'])
    await app.close()
    expect([outer, inner, beside].map((config) => config.health.state)).toEqual([
      'closed',
      'closed',
      'closed',
    ])
  })

  test('routes registered before the plugin in the same context are pinned too', async () => {
    const app = createApp()
    app.get('/', (request) => (request.config as { greeting: string }).greeting)
    await app.register(livetree, { config: await openConfig() })
    expect((await app.inject('/')).body).toBe('hello')
  })
})

test('a closed configuration still answers requests, and says so to readiness', async () => {
  const config: LiveConfig<{ readonly greeting: string }> = await openConfig()
  await config.close()
  const app = createApp()
  await app.register(livetree, { config })
  app.get('/', (request) => (request.config as { greeting: string }).greeting)
  app.get('/ready', healthHandler(config))
  expect((await app.inject('/')).body).toBe('hello')
  expect((await app.inject('/ready')).statusCode).toBe(503)
})
