import { createTestConfig } from '@livetree/core'
import { Test } from '@nestjs/testing'
import { describe, expect, onTestFinished, test } from 'vitest'
import { withoutOpenHandles } from '../../../test/support/open-handles.ts'
import { defineSection, getConfigToken, LivetreeModule, liveProvider } from './index.ts'
import { openConfig, type ShopConfig, shop } from './shop-app.test.kit.ts'

withoutOpenHandles()

const values = { greeting: 'a', db: { max: 1 } }
const promised = () => {
  const promise = createTestConfig(shop, values)
  onTestFinished(async () => (await promise).close())
  return promise
}

describe('forRoot names what it got instead of a configuration', () => {
  test.each<[string, (config: ShopConfig) => unknown, RegExp]>([
    ['a promise', () => ({ config: promised() }), /got a promise: forgot await\?/],
    ['a definition', () => ({ config: shop }), /got the definition "shop".*call load\(\)/],
    ['nothing', () => ({ config: undefined }), /got no configuration/],
    ['no options', () => undefined, /got no configuration/],
    ['its values', () => ({ config: values }), /got an object/],
    ['the promise in the place of the options', promised, /got a promise/],
    ['the definition in the place of the options', () => shop, /got the definition "shop"/],
    ['the configuration in the place of the options', (config) => config, /\{ config \}/],
    ['an option nobody knows', (config) => ({ config, global: true }), /has no option "global"/],
    ['a wrong option', (config) => ({ config, isGlobal: 'yes' }), /isGlobal = a text/],
  ])('%s', async (_name, give, message) => {
    const given = give(await openConfig()) as never
    expect(() => LivetreeModule.forRoot(given)).toThrow(/^\[invalid_options\] LivetreeModule\.forRoot\(/)
    expect(() => LivetreeModule.forRoot(given)).toThrow(message)
  })
})

describe('a promise that rejects later, in the place of a configuration, ends nothing', () => {
  test.each<[string, (promise: Promise<never>) => unknown]>([
    ['in forRoot', (promise) => LivetreeModule.forRoot({ config: promise as never })],
    ['in the place of its options', (promise) => LivetreeModule.forRoot(promise as never)],
    [
      'in the place of the options of forRootAsync',
      (promise) => LivetreeModule.forRootAsync(promise as never),
    ],
    [
      'as an option of forRootAsync',
      (promise) => LivetreeModule.forRootAsync({ useFactory: promise as never }),
    ],
    ['as a section', (promise) => LivetreeModule.forFeature(promise as never)],
    ['in liveProvider', (promise) => liveProvider('POOL', promise as never)],
    [
      'as an option of liveProvider',
      (promise) => liveProvider('POOL', { select: promise as never, create: () => 1 }),
    ],
    ['in defineSection', (promise) => defineSection(promise as never, 'name', () => 1)],
  ])('%s', async (_where, call) => {
    const unhandled: unknown[] = []
    const collect = (reason: unknown) => void unhandled.push(reason)
    process.on('unhandledRejection', collect)
    onTestFinished(() => void process.off('unhandledRejection', collect))
    expect(() => call(Promise.reject(new Error('unseen')))).toThrow(/invalid_options/)
    await new Promise((resolve) => setImmediate(resolve))
    expect(unhandled).toEqual([])
  })
})

describe('forRootAsync says what its factory gave', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['a promise', () => ({ config: promised() }), /got a promise: forgot await\?/],
    ['a definition', () => ({ config: shop }), /got the definition "shop"/],
    ['nothing', () => undefined, /got no configuration/],
    ['nothing in config', () => ({}), /got no configuration/],
    ['the configuration itself', openConfig, /\{ config \}/],
    ['the definition itself', () => shop, /got the definition "shop"/],
  ])('%s', async (_name, useFactory, message) => {
    const root = LivetreeModule.forRootAsync({ useFactory: useFactory as never, definition: shop })
    const compiling = Test.createTestingModule({ imports: [root] }).compile()
    await expect(compiling).rejects.toThrow(message)
    await expect(compiling).rejects.toThrow(/forRootAsync/)
  })

  test('a configuration of another definition than the one that is named', async () => {
    const root = LivetreeModule.forRootAsync({
      useFactory: async () => ({ config: await openConfig() }),
      definition: { name: 'checkout' },
    })
    const compiling = Test.createTestingModule({ imports: [root] }).compile()
    await expect(compiling).rejects.toThrow(/"shop".*"checkout"/)
  })

  test('no factory at all, and options nobody knows', () => {
    expect(() => LivetreeModule.forRootAsync(undefined as never)).toThrow(/got nothing/)
    expect(() => LivetreeModule.forRootAsync({} as never)).toThrow(/useFactory, useClass or useExisting/)
    expect(() => LivetreeModule.forRootAsync({ usefactory: () => {} } as never)).toThrow(
      /Did you mean "useFactory"/,
    )
  })
})

test.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /got no configuration/],
  ['its values', values, /got an object/],
  ['a definition', shop, /got the definition "shop"/],
])('a test that puts %s in the place of the configuration is told so', async (_name, fake, message) => {
  const config = await openConfig()
  const testing = Test.createTestingModule({ imports: [LivetreeModule.forRoot({ config })] })
  const compiling = testing.overrideProvider(getConfigToken(shop)).useValue(fake).compile()
  await expect(compiling).rejects.toThrow(message)
  await expect(compiling).rejects.toThrow(/createTestConfig/)
})

test('sections and live providers are checked where they are defined', () => {
  expect(() => defineSection(undefined as never, 'mail', () => 1)).toThrow(/defineSection\(\).*definition/)
  expect(() => defineSection(shop, 'mail', 'mail' as never)).toThrow(/defineSection\(\).*select.*function/)
  expect(() => LivetreeModule.forFeature(undefined as never)).toThrow(/forFeature\(\).*defineSection/)
  expect(() => LivetreeModule.forFeature(shop as never)).toThrow(/forFeature\(\).*defineSection/)
  const create = () => 1
  expect(() => liveProvider('pool', { of: shop, create } as never)).toThrow(
    /liveProvider\(\).*select.*function/,
  )
  expect(() => liveProvider('pool', { select: () => 1, crate: create } as never)).toThrow(
    /Did you mean "create"/,
  )
  expect(() => liveProvider(undefined as never, { select: () => 1, create })).toThrow(
    /liveProvider\(\).*token/,
  )
})
