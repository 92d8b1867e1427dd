import { createTestConfig, defineConfig, type LiveConfig } from '@livetree/core'
import { Controller, Get, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Test } from '@nestjs/testing'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import {
  getConfigToken,
  InjectConfig,
  LIVETREE_MODULE_OPTIONS,
  LivetreeModule,
  type LivetreeModuleOptions,
  type LivetreeOptionsFactory,
} from './index.ts'
import { createApp, openConfig, type Shop, type ShopConfig, shop } from './shop-app.test.kit.ts'

withoutOpenHandles()

@Injectable()
class Greeter {
  @InjectConfig() readonly only!: LiveConfig<Shop>
  readonly named: LiveConfig<Shop>

  constructor(@InjectConfig(shop) named: LiveConfig<Shop>) {
    this.named = named
  }
}

@Module({ providers: [Greeter], exports: [Greeter] })
class GreeterModule {}

const compile = async (
  ...imports: NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>
) => {
  const module = await Test.createTestingModule({ imports }).compile()
  onTestFinished(() => module.close())
  return module
}

describe('forRoot', () => {
  test('with isGlobal: true gives every module the very configuration, by its definition and as the only one', async () => {
    const config = await openConfig()
    const greeter = (await compile(LivetreeModule.forRoot({ config, isGlobal: true }), GreeterModule)).get(
      Greeter,
    )
    expect(greeter.named).toBe(config)
    expect(greeter.only).toBe(config)
  })

  test('without it only modules that import it can have it', async () => {
    const config = await openConfig()
    const root = LivetreeModule.forRoot({ config })
    await expect(compile(root, GreeterModule)).rejects.toThrow(/Greeter.*livetree/)

    @Module({ imports: [root], providers: [Greeter] })
    class ImportingModule {}
    expect((await compile(ImportingModule)).get(Greeter).named).toBe(config)
  })

  test('two configurations live side by side', async () => {
    const config = await openConfig()
    const other = defineConfig({ name: 'other', schema: z.object({ n: z.number() }) })
    const otherConfig = await createTestConfig(other, { n: 1 })
    const module = await compile(
      LivetreeModule.forRoot({ config }),
      LivetreeModule.forRoot({ config: otherConfig }),
    )
    expect(module.get(getConfigToken(shop))).toBe(config)
    expect(module.get(getConfigToken(other))).toBe(otherConfig)
  })

  test('its options can be hashed into a module key: no value gets into it', async () => {
    const config = await openConfig()
    const texts: string[] = []
    const { toJSON } = config
    config.toJSON = function (this: ShopConfig) {
      texts.push(JSON.stringify(toJSON.call(this)))
      return toJSON.call(this)
    }
    const root = LivetreeModule.forRoot({ config })
    const app = await NestFactory.createApplicationContext(root, {
      logger: false,
      moduleIdGeneratorAlgorithm: 'deep-hash',
    })
    expect(app.get(getConfigToken(shop))).toBe(config)
    expect(texts.join()).not.toContain('hello')
    await app.close()
  })
})

describe('forRootAsync', () => {
  @Injectable()
  class Opener implements LivetreeOptionsFactory {
    async createLivetreeOptions(): Promise<LivetreeModuleOptions> {
      return { config: await openConfig() }
    }
  }

  @Module({ providers: [Opener], exports: [Opener] })
  class OpenerModule {}

  test.each([
    {
      by: 'useFactory',
      options: {
        imports: [OpenerModule],
        inject: [Opener],
        useFactory: (opener: Opener) => opener.createLivetreeOptions(),
      },
    },
    { by: 'useClass', options: { useClass: Opener } },
    { by: 'useExisting', options: { imports: [OpenerModule], useExisting: Opener } },
  ])('takes the configuration $by gives', async ({ options }) => {
    const root = LivetreeModule.forRootAsync({ ...options, isGlobal: true, definition: shop })
    const greeter = (await compile(root, GreeterModule)).get(Greeter)
    expect(greeter.named.current.greeting).toBe('hello')
    expect(greeter.only).toBe(greeter.named)
  })

  test('without a definition the configuration is known as the only one', async () => {
    const root = LivetreeModule.forRootAsync({ useFactory: async () => ({ config: await openConfig() }) })
    const module = await compile(root)
    expect(module.get<LiveConfig<Shop>>(getConfigToken()).current.greeting).toBe('hello')
    expect(() => module.get(getConfigToken(shop))).toThrow()
  })
})

describe('shutdown', () => {
  test('closes the configuration after the last request and after all that use it', async () => {
    const config = await openConfig()
    const order: string[] = []
    const gate = Promise.withResolvers<void>()
    const entered = Promise.withResolvers<void>()
    config.signal.addEventListener('abort', () => order.push('configuration closed'))

    @Controller()
    class SlowController {
      @Get() async slow() {
        entered.resolve()
        await gate.promise
        order.push(`request served, ${config.health.state}`)
        return 'ok'
      }
    }
    @Injectable()
    class User implements OnApplicationShutdown {
      async onApplicationShutdown() {
        await Promise.resolve()
        order.push(`user shut down, ${config.health.state}`)
      }
    }
    @Module({ providers: [User] })
    class UserModule {}

    const app = await createApp(config, { imports: [UserModule], controllers: [SlowController] })
    await app.listen(0, '127.0.0.1')
    const reply = fetch(await app.getUrl()).then((response) => response.text())
    await entered.promise
    const closing = app.close()
    gate.resolve()
    expect(await reply).toBe('ok')
    await closing
    expect(order).toEqual(['request served, live', 'user shut down, live', 'configuration closed'])
  })

  test('with closeOnShutdown: false the configuration outlives the app', async () => {
    const config = await openConfig()
    const app = await createApp(config, {}, { closeOnShutdown: false })
    await app.close()
    expect(config.health.state).toBe('live')
  })
})

test('overrideProvider replaces the real configuration by a test configuration everywhere', async () => {
  const real = await openConfig()
  const fake = await createTestConfig(shop, { greeting: 'from the test', db: { max: 1 } })

  @Controller()
  class GreetingController {
    readonly config: LiveConfig<Shop>
    constructor(@InjectConfig() config: LiveConfig<Shop>) {
      this.config = config
    }
    @Get() async greet() {
      fake.set({ greeting: 'changed' })
      await Promise.resolve()
      return [this.config.pinned().greeting, this.config.current.greeting]
    }
  }
  @Module({
    imports: [LivetreeModule.forRoot({ config: real, isGlobal: true }), GreeterModule],
    controllers: [GreetingController],
  })
  class AppModule {}

  const module = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(getConfigToken(shop))
    .useValue(fake)
    .compile()
  const app = module.createNestApplication({ logger: false })
  await app.listen(0, '127.0.0.1')
  expect(await (await fetch(await app.getUrl())).json()).toEqual(['from the test', 'changed'])
  expect(module.get(Greeter).named).toBe(fake)
  await app.close()
  expect([fake.health.state, real.health.state]).toEqual(['closed', 'live'])
})

test('overriding the options keeps the factory of forRootAsync from running', async () => {
  const fake = await openConfig()
  let runs = 0
  const useFactory = async () => {
    runs++
    return { config: await openConfig() }
  }
  const root = LivetreeModule.forRootAsync({ isGlobal: true, definition: shop, useFactory })
  const module = await Test.createTestingModule({ imports: [root, GreeterModule] })
    .overrideProvider(LIVETREE_MODULE_OPTIONS)
    .useValue({ config: fake })
    .compile()
  expect(module.get(Greeter).named).toBe(fake)
  expect(runs).toBe(0)
  await module.close()
})
