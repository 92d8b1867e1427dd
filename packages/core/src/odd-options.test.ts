import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createTestConfig } from './testing/create-test-config.ts'
import { defineConfig } from './define-config.ts'
import { LivetreeError } from './errors.ts'
import type { LiveConfig } from './live-config.ts'
import { env } from './source/env.ts'
import { file } from './source/file.ts'
import { memory } from './source/memory.ts'
import { live } from './resource/live-value.ts'

const definition = defineConfig({ name: 'odd', schema: z.object({ a: z.number().default(1) }) })
type Odd = LiveConfig<{ readonly a: number }>

/** Each call that takes options, with anything in their place. */
const calls: Readonly<Record<string, (config: Odd, options: never) => unknown>> = {
  resource: (config, options) => config.resource(({ a }) => a, options),
  live: (config, options) =>
    live(
      config,
      ({ a }) => a,
      (a) => a,
      options,
    ),
  watch: (config, options) =>
    config.watch(
      ({ a }) => a,
      () => {},
      options,
    ),
  changed: (config, options) => config.changed(options),
  refresh: (config, options) => config.refresh(options),
  load: (_config, options) => definition.load(options),
  file: (_config, options) => file('odd.yaml', options),
  env: (_config, options) => env(options),
  memory: (_config, options) => memory({}, options),
}

describe.each(Object.keys(calls))('%s() refuses what is no object of options', (name) => {
  test.each([['text'], [5], [true], [[1, 2]], [() => {}], [null]])('%j', async (options) => {
    await using config = await createTestConfig(definition, {})
    const outcome = await Promise.resolve()
      .then(() => calls[name]!(config, options as never))
      .catch((error: unknown) => error)
    expect(outcome).toBeInstanceOf(LivetreeError)
    expect(outcome).toMatchObject({ code: 'invalid_options' })
  })
})

test('resource() without options says what they have to be', async () => {
  await using config = await createTestConfig(definition, {})
  await expect(config.resource(({ a }) => a, undefined as never)).rejects.toThrow(
    '[invalid_options] resource() got no options; expected options with create().',
  )
})
