import { createTestConfig, defineConfig } from '@livetree/core'
import {
  type CallHandler,
  type CanActivate,
  Controller,
  Get,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestInterceptor,
  type NestMiddleware,
  type NestModule,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common'
import { APP_GUARD, LazyModuleLoader } from '@nestjs/core'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { InjectConfig, LivetreeModule, OnConfigChange } from './index.ts'
import { createApp, openConfig, type ShopConfig, shop } from './shop-app.test.kit.ts'

withoutOpenHandles()

const other = defineConfig({ name: 'other', schema: z.object({ n: z.number() }) })

/** A provider that writes down what it is told. */
function createGreeter() {
  const told: string[] = []
  @Injectable()
  class Greeter {
    @OnConfigChange(shop, (c) => c.greeting)
    greet(next: string) {
      told.push(next)
    }
  }
  return { told, Greeter }
}

test.each<[string, () => boolean]>([
  [
    'throws',
    () => {
      throw new Error('hostile')
    },
  ],
  ['gives a promise that rejects', (() => Promise.reject(new Error('hostile'))) as unknown as () => boolean],
])('isEqual that %s is reported, and hurts neither the app nor the handler', async (_name, isEqual) => {
  const told: string[] = []
  @Injectable()
  class Greeter {
    @OnConfigChange(shop, (c) => c.greeting, { isEqual })
    greet(next: string) {
      told.push(next)
    }
  }
  const config = await openConfig()
  const errors: string[] = []
  config.on('error', ({ message }) => errors.push(message))
  await createApp(config, { providers: [Greeter] })
  config.set({ greeting: 'hi' })
  await expect.poll(() => told).toEqual(['hi'])
  expect(errors[0]).toMatch(
    /^\[listener_failed\] isEqual of @OnConfigChange on Greeter\.greet (failed|returned)/,
  )
})

test('a selector that gives a promise keeps the app from starting, and its failure ends nothing', async () => {
  @Injectable()
  class Greeter {
    @OnConfigChange(shop, () => Promise.reject(new Error('unseen')))
    greet() {}
  }
  await expect(createApp(await openConfig(), { providers: [Greeter] })).rejects.toThrow(
    /selector of @OnConfigChange on Greeter\.greet returned a promise/,
  )
})

describe('a handler is called once for a change', () => {
  test.each<[string, (config: ShopConfig) => NonNullable<Parameters<typeof createApp>[1]['imports']>]>([
    ['forRoot is called twice', (config) => [LivetreeModule.forRoot({ config })]],
    ['both are global', (config) => [LivetreeModule.forRoot({ config, isGlobal: true })]],
    ['one does not pin', (config) => [LivetreeModule.forRoot({ config, pin: false })]],
    [
      'forRootAsync gives it too',
      (config) => [LivetreeModule.forRootAsync({ useFactory: () => ({ config }) })],
    ],
    [
      'modules in modules import it',
      (config) => {
        const root = LivetreeModule.forRoot({ config })
        @Module({ imports: [root] })
        class Inner {}
        @Module({ imports: [Inner, LivetreeModule.forRoot({ config })] })
        class Outer {}
        return [root, Outer]
      },
    ],
  ])('however often the module is imported: %s', async (_name, imports) => {
    const config = await openConfig()
    const { told, Greeter } = createGreeter()
    const untyped: unknown[] = []
    @Injectable()
    class Unnamed {
      @OnConfigChange((c) => (c as { greeting: string }).greeting)
      greet(next: string) {
        untyped.push(next)
      }
    }
    await createApp(config, { imports: imports(config), providers: [Greeter, Unnamed] })
    config.set({ greeting: 'hi' })
    expect([told, untyped]).toEqual([['hi'], ['hi']])
  })

  test('two apps in one process are each called', async () => {
    const config = await openConfig()
    const one = createGreeter()
    const two = createGreeter()
    await createApp(config, { providers: [one.Greeter] }, { closeOnShutdown: false })
    const app = await createApp(config, { providers: [two.Greeter] }, { closeOnShutdown: false })
    config.set({ greeting: 'hi' })
    await app.close()
    config.set({ greeting: 'later' })
    // the second app is over, and its providers are
    expect([one.told, two.told]).toEqual([['hi', 'later'], ['hi']])
  })

  test('an overriding method takes the place of the one it overrides, decorated again or not', async () => {
    const told: string[] = []
    class Base {
      @OnConfigChange(shop, (c) => c.greeting)
      again(next: string) {
        told.push(`base again ${next}`)
      }
      @OnConfigChange(shop, (c) => c.greeting)
      plain(next: string) {
        told.push(`base plain ${next}`)
      }
      @OnConfigChange(shop, (c) => c.greeting)
      other(next: unknown) {
        told.push(`base other ${next}`)
      }
    }
    class Middle extends Base {
      @OnConfigChange(shop, (c) => c.greeting)
      override again(next: string) {
        told.push(`middle again ${next}`)
      }
    }
    @Injectable()
    class Derived extends Middle {
      @OnConfigChange(shop, (c) => c.greeting)
      override again(next: string) {
        told.push(`derived again ${next}`)
      }
      override plain(next: string) {
        told.push(`derived plain ${next}`)
      }
      @OnConfigChange(shop, (c) => c.db.max)
      override other(next: unknown) {
        told.push(`derived other ${next}`)
      }
    }
    const config = await openConfig()
    await createApp(config, { providers: [Derived] })
    config.set({ greeting: 'hi' })
    expect(told.toSorted()).toEqual(['derived again hi', 'derived plain hi'])
    config.set({ db: { max: 7 } })
    expect(told.slice(2)).toEqual(['derived other 7'])
  })

  test('two parts of one method are both watched', async () => {
    const told: unknown[] = []
    @Injectable()
    class Both {
      @OnConfigChange(shop, (c) => c.greeting)
      @OnConfigChange(shop, (c) => c.db.max)
      changed(next: string | number) {
        told.push(next)
      }
    }
    const config = await openConfig()
    await createApp(config, { providers: [Both] })
    config.set({ greeting: 'hi', db: { max: 3 } })
    expect(told.toSorted()).toEqual([3, 'hi'])
  })
})

test('guards, interceptors and middleware are called too, wherever they are mounted', async () => {
  const config = await openConfig()
  const told: string[] = []
  abstract class Watching {
    @OnConfigChange(shop, (c) => c.greeting)
    changed() {
      told.push(this.constructor.name)
    }
  }
  @Injectable()
  class RouteGuard extends Watching implements CanActivate {
    canActivate = () => true
  }
  @Injectable()
  class GlobalGuard extends Watching implements CanActivate {
    canActivate = () => true
  }
  @Injectable()
  class Interceptor extends Watching implements NestInterceptor {
    intercept = (_context: unknown, next: CallHandler) => next.handle()
  }
  @Injectable()
  class Middleware extends Watching implements NestMiddleware {
    use = (_request: unknown, _response: unknown, next: () => void) => next()
  }
  @Controller()
  @UseGuards(RouteGuard)
  class Routes {
    @Get()
    @UseInterceptors(Interceptor)
    get() {
      return 'ok'
    }
  }
  @Module({ controllers: [Routes], providers: [{ provide: APP_GUARD, useClass: GlobalGuard }] })
  class RoutesModule implements NestModule {
    configure(consumer: MiddlewareConsumer) {
      consumer.apply(Middleware).forRoutes('*path')
    }
  }
  await createApp(config, { imports: [RoutesModule] })
  config.set({ greeting: 'hi' })
  expect(told.toSorted()).toEqual(['GlobalGuard', 'Interceptor', 'Middleware', 'RouteGuard'])
})

test('a handler in a module that is loaded lazily is never called, and that is said once', async () => {
  const config = await openConfig()
  const { told, Greeter } = createGreeter()
  @Module({ providers: [Greeter] })
  class LazyModule {}
  const errors: string[] = []
  config.on('error', ({ message }) => errors.push(message))
  const app = await createApp(config, {})
  await app.get(LazyModuleLoader).load(() => LazyModule)
  config.set({ greeting: 'hi' })
  config.set({ greeting: 'again' })
  expect(told).toEqual([])
  expect(errors).toHaveLength(1)
  expect(errors[0]).toMatch(/Greeter\.greet.*loaded lazily.*config\.watch\(/)
})

describe('decorators that could never work are refused where they stand', () => {
  const decorate = (target: object, name: string | symbol, ...given: readonly unknown[]) =>
    (OnConfigChange as (...given: readonly unknown[]) => MethodDecorator)(...given)(target, name, {})
  class Target {
    static isStatic() {}
    field = 1
  }

  test.each<[string, () => unknown, RegExp]>([
    ['a static method', () => decorate(Target, 'isStatic', () => 1), /Target\.isStatic.*static/],
    ['no selector', () => decorate(Target.prototype, 'm'), /Target\.m.*selector.*function/],
    [
      'a definition without a selector',
      () => decorate(Target.prototype, 'm', shop),
      /Target\.m.*selector.*function/,
    ],
    ['a path', () => decorate(Target.prototype, 'm', shop, 'db.max'), /Target\.m.*selector.*function/],
    [
      'a promise of the configuration',
      () => decorate(Target.prototype, 'm', Promise.resolve(), () => 1),
      /Target\.m.*definition/,
    ],
    [
      'an option nobody knows',
      () => decorate(Target.prototype, 'm', shop, () => 1, { imediate: true }),
      /Did you mean "immediate"/,
    ],
    [
      'a standard decorator',
      () =>
        (OnConfigChange(shop, (c) => c.greeting) as unknown as (value: unknown, context: object) => void)(
          () => {},
          { kind: 'method', name: 'm' },
        ),
      /experimentalDecorators/,
    ],
  ])('%s', (_name, attempt, message) => {
    expect(attempt).toThrow(message)
  })

  test('a method may be named by a symbol', async () => {
    const told: string[] = []
    const name = Symbol('greet')
    @Injectable()
    class Greeter {
      [name](next: string) {
        told.push(next)
      }
    }
    decorate(Greeter.prototype, name, shop, (c: { greeting: string }) => c.greeting)
    const config = await openConfig()
    await createApp(config, { providers: [Greeter] })
    config.set({ greeting: 'hi' })
    expect(told).toEqual(['hi'])
  })
})

describe('ambiguous tokens keep the app from starting', () => {
  test('two configurations of one name', async () => {
    const config = await openConfig()
    const twin = await createTestConfig(shop, { greeting: 'twin', db: { max: 1 } })
    const imports = [LivetreeModule.forRoot({ config: twin })]
    await expect(createApp(config, { imports })).rejects.toThrow(
      /two configurations.*"shop".*defineConfig\(\{ name/s,
    )
    await twin.close()
  })

  test('@InjectConfig() without a definition, where two are global', async () => {
    @Injectable()
    class Unclear {
      readonly config: ShopConfig
      constructor(@InjectConfig() config: ShopConfig) {
        this.config = config
      }
    }
    const config = await openConfig()
    const second = await createTestConfig(other, { n: 1 })
    const imports = [LivetreeModule.forRoot({ config: second, isGlobal: true })]
    await expect(createApp(config, { imports, providers: [Unclear] })).rejects.toThrow(
      /Unclear.*@InjectConfig\(\).*several.*"shop".*"other".*@InjectConfig\(checkout\)/s,
    )
    await second.close()
  })

  test('also in a property, and in a factory', async () => {
    class Unclear {
      @InjectConfig() config?: ShopConfig
    }
    const factory = { provide: 'unclear', inject: ['livetree'], useFactory: (config: unknown) => config }
    for (const provider of [Unclear, factory]) {
      const config = await openConfig()
      const second = await createTestConfig(other, { n: 1 })
      const imports = [LivetreeModule.forRoot({ config: second, isGlobal: true })]
      await expect(createApp(config, { imports, providers: [provider] })).rejects.toThrow(/nclear.*several/s)
      await second.close()
    }
  })

  test('but not where the module imports one itself', async () => {
    @Injectable()
    class Clear {
      readonly config: { readonly name: string }
      constructor(@InjectConfig() config: ShopConfig) {
        this.config = config
      }
    }
    const config = await openConfig()
    const second = await createTestConfig(other, { n: 1 })
    @Module({ imports: [LivetreeModule.forRoot({ config: second })], providers: [Clear] })
    class OwnModule {}
    const app = await createApp(config, { imports: [OwnModule] })
    expect(app.get(Clear, { strict: false }).config.name).toBe('other')
  })
})
