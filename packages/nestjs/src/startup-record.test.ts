import { Injectable, Module } from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { describe, expect, onTestFinished, test } from 'vitest'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { getConfigToken, InjectConfig, LivetreeModule, OnConfigChange } from './index.ts'
import { createApp, openConfig, type ShopConfig, shop } from './shop-app.test.kit.ts'

withoutOpenHandles()

/** A provider that keeps the greeting it read when it was constructed, and follows it. */
function createFollower() {
  @Injectable()
  class Follower {
    greeting: string
    readonly calls: string[] = []
    constructor(@InjectConfig(shop) config: ShopConfig) {
      this.greeting = config.current.greeting
    }
    @OnConfigChange(shop, (c) => c.greeting)
    follow(next: string, previous: string) {
      this.calls.push(`${previous} to ${next}`)
      this.greeting = next
    }
  }
  return Follower
}

type Follower = InstanceType<ReturnType<typeof createFollower>>
type Change = (config: ShopConfig) => unknown

/** A provider that changes the configuration once the follower is constructed. */
const changing = (Type: ReturnType<typeof createFollower>, config: ShopConfig, change: Change) => ({
  provide: 'changing',
  inject: [Type],
  useFactory: () => change(config),
})

async function wait(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await null
}

const toHi: Change = (config) => void config.set({ greeting: 'hi' })

const changes: [string, Change][] = [
  ['in the same turn', toHi],
  ...[1, 2, 3, 5, 8, 13].map((turns): [string, Change] => [
    `${turns} microtasks later`,
    async (config) => {
      await wait(turns)
      toHi(config)
    },
  ]),
  [
    'in another turn of the event loop',
    async (config) => {
      await new Promise((resolve) => setImmediate(resolve))
      toHi(config)
    },
  ],
]

const apps: [
  string,
  (Type: ReturnType<typeof createFollower>, config: ShopConfig, change: Change) => Promise<Follower>,
][] = [
  [
    'in the module that imports it',
    async (Type, config, change) =>
      (await createApp(config, { providers: [Type, changing(Type, config, change)] })).get(Type),
  ],
  [
    'in a feature module',
    async (Type, config, change) => {
      @Module({ providers: [Type, changing(Type, config, change)], exports: [Type] })
      class Feature {}
      return (await createApp(config, { imports: [Feature] })).get(Type, { strict: false })
    },
  ],
  [
    'in a feature module before forRootAsync, with a second import of the configuration',
    async (Type, config, change) => {
      @Module({ providers: [Type, changing(Type, config, change)] })
      class Feature {}
      const slow = async () => {
        await new Promise((resolve) => setImmediate(resolve))
        return { config }
      }
      const imports = [
        Feature,
        LivetreeModule.forRootAsync({ isGlobal: true, definition: shop, useFactory: slow }),
        LivetreeModule.forRoot({ config, isGlobal: true }),
      ]
      const module = await Test.createTestingModule({ imports }).compile()
      onTestFinished(() => module.close())
      await module.init()
      return module.get(Type, { strict: false })
    },
  ],
]

describe.each(apps)('a change while the app starts, with a provider %s', (_place, start) => {
  test.each(changes)('%s reaches a provider that has read the older value', async (_when, change) => {
    const config = await openConfig()
    const follower = await start(createFollower(), config, change)
    await expect.poll(() => follower.greeting).toBe('hi')
    config.set({ greeting: 'later' })
    await expect.poll(() => follower.greeting).toBe('later')
    expect(follower.calls.at(-1)).toBe('hi to later')
  })
})

test('a change that is reverted while the app starts reaches a provider that has read the value between', async () => {
  const config = await openConfig()
  const Follower = createFollower()
  const first = { provide: 'first', useFactory: () => void config.set({ greeting: 'between' }) }
  const constructed = {
    provide: 'constructed',
    inject: [getConfigToken(shop), 'first'],
    useFactory: (c: ShopConfig) => new Follower(c),
  }
  const back = {
    provide: 'back',
    inject: ['constructed'],
    useFactory: () => void config.set({ greeting: 'hello' }),
  }
  const app = await createApp(config, { providers: [first, constructed, back] })
  const follower = app.get<Follower>('constructed')
  await expect.poll(() => follower.greeting).toBe('hello')
  expect(follower.calls).toEqual(['between to hello'])
})

test('a change of another part while the app starts calls nobody', async () => {
  const config = await openConfig()
  const Follower = createFollower()
  const change: Change = () => void config.set({ db: { max: 7 } })
  const app = await createApp(config, { providers: [Follower, changing(Follower, config, change)] })
  await new Promise((resolve) => setImmediate(resolve))
  expect(app.get(Follower).calls).toEqual([])
})

test('a handler that returns a thenable that resolves with itself does not block the app', async () => {
  const calls: string[] = []
  const loop = {
    // biome-ignore lint/suspicious/noThenProperty: that is the point
    then(resolve: (value: unknown) => void) {
      resolve(loop)
    },
  }
  @Injectable()
  class Greeter {
    constructor(@InjectConfig(shop) _config: ShopConfig) {}
    @OnConfigChange(shop, (c) => c.greeting)
    greet(next: string) {
      calls.push(next)
      return loop
    }
  }
  const config = await openConfig()
  const errors: string[] = []
  config.on('error', ({ code }) => errors.push(code))
  const early = { provide: 'early', inject: [Greeter], useFactory: () => toHi(config) }
  await createApp(config, { providers: [Greeter, early] })
  config.set({ greeting: 'later' })
  await expect.poll(() => errors).toEqual(['listener_failed', 'listener_failed'])
  expect(calls).toEqual(['hi', 'later'])
})

test('a module whose configuration is closed serves the one that a test provides in its place', async () => {
  const closed = await openConfig()
  await closed.close()
  const fake = await openConfig()
  const Follower = createFollower()
  @Module({ imports: [LivetreeModule.forRoot({ config: closed })], providers: [Follower] })
  class AppModule {}
  const testing = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(getConfigToken(shop))
    .useValue(fake)
    .compile()
  onTestFinished(() => testing.close())
  await testing.init()
  fake.set({ greeting: 'changed' })
  await expect.poll(() => testing.get(Follower).calls).toEqual(['hello to changed'])
})
