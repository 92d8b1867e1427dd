import { createTestConfig, defineConfig, type LiveConfig } from '@livetree/core'
import { type DynamicModule, Injectable, Module } from '@nestjs/common'
import { LazyModuleLoader } from '@nestjs/core'
import { Test } from '@nestjs/testing'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { LivetreeModule, OnConfigChange } from './index.ts'

const define = (name: string) => defineConfig({ name, schema: z.object({ n: z.number().default(0) }) })
const [one, two, three] = [define('one'), define('two'), define('three')]
type Definition = typeof one

const quiet = { logger: false } as const

/** A provider that follows a configuration; without a name, the only one. */
function follower(of: Definition | undefined) {
  const told: number[] = []
  @Injectable()
  class Follower {
    follow(next: number) {
      told.push(next)
    }
  }
  const select = (c: { n: number }) => c.n
  const decorator = of === undefined ? OnConfigChange(select as never) : OnConfigChange(of, select)
  decorator(Follower.prototype, 'follow', Object.getOwnPropertyDescriptor(Follower.prototype, 'follow')!)
  return { told, Follower }
}

async function start(imports: DynamicModule[], providers: (new () => object)[] = []) {
  const app = await Test.createTestingModule({ imports, providers }).compile()
  await app.init()
  return app
}

const errorsOf = (config: LiveConfig<unknown>) => {
  const errors: string[] = []
  config.on('error', ({ message }) => errors.push(message))
  return errors
}

describe.each([1, 2])('a handler in an app with %i configurations', (count) => {
  const load = async () =>
    Promise.all([one, two].slice(0, count).map((definition) => createTestConfig(definition, {}, quiet)))

  test('of one that no module provides makes the start fail', async () => {
    const configs = await load()
    const imports = configs.map((config) => LivetreeModule.forRoot({ config }))
    const starting = start(imports, [follower(three).Follower])
    await expect(starting).rejects.toThrow(
      /Follower\.follow names configuration "three", which no LivetreeModule/,
    )
    await Promise.all(configs.map((config) => config.close()))
  })

  test('of one that a module provides is called', async () => {
    const configs = await load()
    const imports = configs.map((config) => LivetreeModule.forRoot({ config }))
    const { told, Follower } = follower(one)
    const app = await start(imports, [Follower])
    configs[0]!.set({ n: 1 })
    expect(told).toEqual([1])
    await app.close()
  })
})

describe('a module that is loaded lazily with a configuration of its own', () => {
  const lazyModule = (config: LiveConfig<unknown>, provider: new () => object, more: object = {}) => {
    @Module({ imports: [LivetreeModule.forRoot({ config, ...more })], providers: [provider] })
    class LazyModule {}
    return LazyModule
  }

  test.each([{}, { isGlobal: true }])(
    'has its handlers reported, and is closed with the app: %o',
    async (more) => {
      const [a, b] = [await createTestConfig(one, {}, quiet), await createTestConfig(two, {}, quiet)]
      const errors = errorsOf(b)
      const app = await start([LivetreeModule.forRoot({ config: a })])
      const { told, Follower } = follower(two)
      await app.get(LazyModuleLoader).load(() => lazyModule(b, Follower, more))
      b.set({ n: 1 })
      b.set({ n: 2 })
      expect(told).toEqual([])
      expect(errors).toEqual([expect.stringMatching(/Follower\.follow is not called.*loaded lazily/)])
      await app.close()
      expect([a, b].map(({ status }) => status.state)).toEqual(['closed', 'closed'])
    },
  )

  test('is left open where it says so', async () => {
    const [a, b] = [await createTestConfig(one, {}, quiet), await createTestConfig(two, {}, quiet)]
    const app = await start([LivetreeModule.forRoot({ config: a })])
    const { Follower } = follower(two)
    await app.get(LazyModuleLoader).load(() => lazyModule(b, Follower, { closeOnShutdown: false }))
    await app.close()
    expect(b.status.state).toBe('live')
    await b.close()
  })

  test('and without another one in the app says that nobody closes it', async () => {
    const b = await createTestConfig(two, {}, quiet)
    const errors = errorsOf(b)
    const app = await start([])
    const { Follower } = follower(undefined)
    await app.get(LazyModuleLoader).load(() => lazyModule(b, Follower))
    expect(errors).toEqual([expect.stringMatching(/"two" is not closed with the app.*config\.close\(\)/)])
    b.set({ n: 1 })
    expect(errors[1]).toMatch(/Follower\.follow is not called/)
    await app.close()
    await b.close()
  })
})
