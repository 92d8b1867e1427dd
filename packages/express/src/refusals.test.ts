import { createTestConfig, defineConfig, type LiveConfig } from '@livetree/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { configMiddleware, healthHandler, live } from './index.ts'

const shop = defineConfig({ name: 'shop', schema: z.object({ greeting: z.string() }) })
const openConfig = async () => {
  const config = await createTestConfig(shop, { greeting: 'hello' })
  onTestFinished(() => config.close())
  return config
}

const doors: [string, (config: LiveConfig<unknown>) => unknown][] = [
  ['configMiddleware()', configMiddleware],
  ['healthHandler()', (config) => healthHandler(config)],
  [
    'live()',
    (config) =>
      live(
        config,
        (c) => c,
        () => () => {},
      ),
  ],
]

describe.each(doors)('%s says what it was given in the place of a configuration', (door, call) => {
  test.each<[string, () => unknown, RegExp]>([
    [
      'a promise',
      () => createTestConfig(shop, { greeting: 'a' }),
      /got a promise.*forgot await\?.*await .*load\(\)/,
    ],
    ['a promise by hand', () => Object.fromEntries([['then', () => {}]]), /got a promise/],
    ['a definition', () => shop, /got the definition "shop".*call load\(\).*await/],
    ['nothing', () => undefined, /got no configuration/],
    ['null', () => null, /got no configuration/],
    ['its values', () => Object.freeze({ greeting: 'hello' }), /got an object/],
    ['a function', () => shop.load, /got a function/],
    ['a text', () => 'shop', /got a text/],
    ['the options of a Nest module', () => ({ config: {} }), /got an object/],
  ])('%s', async (_name, give, message) => {
    const given = give()
    const attempt = () => call(given as LiveConfig<unknown>)
    expect(attempt).toThrow(/^\[invalid_options\] /)
    expect(attempt).toThrow(door)
    expect(attempt).toThrow(message)
    expect(attempt).toThrow(/load\(\)/)
    await (given instanceof Promise ? given.then((config) => config.close()) : undefined)
  })
})

test('options nobody knows and values that are none are refused', async () => {
  const config = await openConfig()
  expect(() => healthHandler(config, { probe: 'livenes' } as never)).toThrow(
    /healthHandler\(\) got probe = "livenes".*'liveness'/,
  )
  expect(() => healthHandler(config, { prob: 'liveness' } as never)).toThrow(/Did you mean "probe"/)
  const handler = () => () => {}
  expect(() => live(config, (c) => c, handler, { disposed: () => {} } as never)).toThrow(
    /Did you mean "dispose"/,
  )
  expect(() => live(config, 'greeting' as never, handler)).toThrow(/live\(\) got.*selector.*function/)
  expect(() => live(config, (c) => c, undefined as never)).toThrow(/live\(\) got.*factory.*function/)
})
