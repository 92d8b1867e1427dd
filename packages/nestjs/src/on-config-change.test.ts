import { createTestConfig, defineConfig } from '@livetree/core'
import { createTestClock } from '@livetree/core/testing'
import { Controller, Injectable, type OnModuleInit, Scope } from '@nestjs/common'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { LivetreeModule, OnConfigChange } from './index.ts'
import { createApp, openConfig, type Shop, shop } from './shop-app.test.kit.ts'

withoutOpenHandles()

describe('OnConfigChange', () => {
  test('calls the method of providers and controllers when its part changes, with next, previous and change', async () => {
    const told: unknown[] = []
    @Injectable()
    class Pool {
      readonly name = 'pool'
      @OnConfigChange(shop, (c) => c.db)
      resize(next: Shop['db'], previous: Shop['db'], change: { readonly revision: number }) {
        told.push([this.name, next.max, previous.max, change.revision])
      }
    }
    @Controller()
    class Greeter {
      @OnConfigChange(shop, (c) => c.greeting)
      greet(next: string, previous: string) {
        told.push([next, previous])
      }
    }
    const config = await openConfig()
    await createApp(config, { providers: [Pool], controllers: [Greeter] })
    expect(told).toEqual([])
    config.set({ db: { max: 2 } })
    expect(told).toEqual([['pool', 2, 1, 2]])
    config.set({ greeting: 'hi' })
    expect(told.slice(1)).toEqual([['hi', 'hello']])
  })

  test('with immediate it is called at the start too, once', async () => {
    const told: unknown[] = []
    @Injectable()
    class Logger {
      @OnConfigChange(shop, (c) => c.greeting, { immediate: true })
      setLevel(next: string, previous: string | undefined) {
        told.push([next, previous])
      }
    }
    const config = await openConfig()
    await createApp(config, { providers: [Logger] })
    await expect.poll(() => told).toEqual([['hello', undefined]])
    config.set({ greeting: 'hi' })
    await expect
      .poll(() => told)
      .toEqual([
        ['hello', undefined],
        ['hi', 'hello'],
      ])
  })

  test('a method that never settles is named in status, and does not delay the close of the app', async () => {
    @Injectable()
    class Mailer {
      @OnConfigChange(shop, (c) => c.greeting)
      greet(_next: string, _previous: string) {
        return new Promise<never>(() => {})
      }
    }
    const clock = createTestClock()
    const config = await createTestConfig(shop, { greeting: 'hello', db: { max: 1 } }, { clock })
    const errors: string[] = []
    config.on('error', ({ message }) => errors.push(message))
    const app = await createApp(config, { providers: [Mailer] })
    config.set({ greeting: 'hi' })
    await clock.advance(5_000)
    const name = 'A watch handler (@OnConfigChange on Mailer.greet)'
    expect(config.status.unsettled).toEqual([{ name, forMs: 5_000 }])
    expect(errors).toEqual([expect.stringContaining(`[not_settled] ${name}`)])
    await app.close()
    expect(clock.pendingTimers).toBe(0)
  })

  test('changes during startup are delivered in one call when the app has started', async () => {
    const config = await openConfig()
    const told: unknown[] = []
    @Injectable()
    class Slow implements OnModuleInit {
      isInitialized = false
      async onModuleInit() {
        config.set({ greeting: 'while initializing' })
        await Promise.resolve()
        this.isInitialized = true
      }
      @OnConfigChange(shop, (c) => c.greeting)
      greet(next: string, previous: string, change: { readonly revision: number }) {
        told.push([this.isInitialized, next, previous, change.revision])
      }
    }
    const late = {
      provide: Slow,
      useFactory: async () => {
        await new Promise((resolve) => setImmediate(resolve))
        config.set({ greeting: 'while constructing' })
        return new Slow()
      },
    }
    await createApp(config, { providers: [late] })
    await expect.poll(() => told.length).toBeGreaterThan(0)
    expect(told).toEqual([[true, 'while initializing', 'hello', config.revision]])
  })

  test('a method that throws is reported, and the other methods are called', async () => {
    const told: string[] = []
    @Injectable()
    class Broken {
      @OnConfigChange(shop, (c) => c.greeting)
      async fail() {
        throw new Error('cannot greet')
      }
    }
    @Injectable()
    class Fine {
      @OnConfigChange(shop, (c) => c.greeting)
      greet(next: string) {
        told.push(next)
      }
    }
    const config = await openConfig()
    const errors: Error[] = []
    config.on('error', (error) => void errors.push(error))
    await createApp(config, { providers: [Broken, Fine] })
    config.set({ greeting: 'hi' })
    await expect.poll(() => errors).toHaveLength(1)
    expect(errors[0]?.cause).toMatchObject({ message: 'cannot greet' })
    expect(told).toEqual(['hi'])
  })

  test('a subclass inherits it; another decorator may wrap the method', async () => {
    const told: string[] = []
    const Loud: MethodDecorator = (_target, _name, descriptor) => {
      const inner = descriptor.value as (this: unknown, ...told: unknown[]) => unknown
      descriptor.value = function (this: unknown, next: string) {
        return inner.call(this, next.toUpperCase())
      } as never
    }
    abstract class Base {
      @Loud
      @OnConfigChange(shop, (c) => c.greeting)
      greet(next: string) {
        told.push(next)
      }
    }
    @Injectable()
    class Derived extends Base {}
    const config = await openConfig()
    await createApp(config, { providers: [Derived] })
    config.set({ greeting: 'hi' })
    expect(told).toEqual(['HI'])
  })

  test('a provider that is known by several tokens is called once', async () => {
    const told: string[] = []
    @Injectable()
    class Greeter {
      @OnConfigChange(shop, (c) => c.greeting)
      greet(next: string) {
        told.push(next)
      }
    }
    const config = await openConfig()
    const providers = [Greeter, { provide: 'alias', useExisting: Greeter }]
    await createApp(config, { providers })
    config.set({ greeting: 'hi' })
    expect(told).toEqual(['hi'])
  })

  test('with several configurations each calls its own', async () => {
    const other = defineConfig({ name: 'other', schema: z.object({ n: z.number() }) })
    const otherConfig = await createTestConfig(other, { n: 1 })
    const told: unknown[] = []
    @Injectable()
    class Both {
      @OnConfigChange(shop, (c) => c.greeting)
      greet(next: string) {
        told.push(next)
      }
      @OnConfigChange(other, (c) => c.n)
      count(next: number) {
        told.push(next)
      }
    }
    const config = await openConfig()
    await createApp(config, { imports: [LivetreeModule.forRoot({ config: otherConfig })], providers: [Both] })
    config.set({ greeting: 'hi' })
    otherConfig.set({ n: 2 })
    expect(told).toEqual(['hi', 2])
  })

  test('with several configurations a method that does not say of which keeps the app from starting', async () => {
    const other = defineConfig({ name: 'other', schema: z.object({ n: z.number() }) })
    @Injectable()
    class Unclear {
      @OnConfigChange((c) => c)
      greet() {}
    }
    const config = await openConfig()
    const imports = [LivetreeModule.forRoot({ config: await createTestConfig(other, { n: 1 }) })]
    await expect(createApp(config, { imports, providers: [Unclear] })).rejects.toThrow(
      /Unclear\.greet.*several.*@OnConfigChange\(checkout/,
    )
  })

  test('about a configuration that is not there, it keeps the app from starting', async () => {
    const other = defineConfig({ name: 'other', schema: z.object({ n: z.number() }) })
    @Injectable()
    class Lost {
      @OnConfigChange(other, (c) => c.n)
      count() {}
    }
    const config = await openConfig()
    await expect(createApp(config, { providers: [Lost] })).rejects.toThrow(/Lost\.count.*"other".*forRoot/)
  })

  test('providers of every shape are passed over', async () => {
    const config = await openConfig()
    const shapes = [null, undefined, 1, 'text', Object.create(null), () => {}, new Proxy({}, {}), []]
    const providers = shapes.map((useValue, index) => ({ provide: `shape ${index}`, useValue }))
    await createApp(config, { providers })
  })

  test.each([
    ['request', Scope.REQUEST],
    ['transient', Scope.TRANSIENT],
  ])(
    'on a %s-scoped provider it keeps the app from starting, since nobody would call it',
    async (_name, scope) => {
      @Injectable({ scope })
      class PerRequest {
        @OnConfigChange(shop, (c) => c.greeting)
        greet() {}
      }
      const config = await openConfig()
      await expect(createApp(config, { providers: [PerRequest] })).rejects.toThrow(
        /PerRequest\.greet would never be called/,
      )
    },
  )
})
