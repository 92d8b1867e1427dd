import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { restart } from '../schema/restart.ts'
import { secret } from '../schema/secret.ts'
import { memory } from '../source/memory.ts'
import { createTestConfig } from '../testing/create-test-config.ts'

const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    http: z.object({ port: restart(z.number()).default(80), timeoutMs: z.number().default(5) }),
    token: restart(secret(z.string())).default('first'),
    workers: restart(z.object({ count: z.number(), names: z.array(z.string()).default([]) })).default({
      count: 1,
      names: [],
    }),
  }),
})

test('status.needsRestart: what differs from the start, as long as it does; current shows what the tree says', async () => {
  await using config = await createTestConfig(shop, {})
  expect(config.status.needsRestart).toEqual([])
  config.set({ http: { timeoutMs: 6 } })
  expect(config.status.needsRestart).toEqual([])
  config.set({ http: { port: 81 } })
  expect(config.current.http.port).toBe(81)
  expect(config.status.needsRestart).toEqual(['http.port'])
  expect(config.status.needsRestart).toBe(config.status.needsRestart)
  config.set({ workers: { count: 2 }, token: 'second' })
  expect(config.status.needsRestart).toEqual(['http.port', 'token', 'workers.count'])
  expect(JSON.stringify(config.status)).not.toContain('second')
  config.set({ http: { port: 80 }, workers: { count: 1 } })
  expect(config.status.needsRestart).toEqual(['token'])
  expect(() => config.set({ http: { port: 'x' as never } })).toThrow()
  expect(config.status.needsRestart).toEqual(['token'])
})

test('status.needsRestart: nothing where the schema marks nothing', async () => {
  const plain = defineConfig({ name: 'plain', schema: z.object({ port: z.number() }) })
  await using config = await createTestConfig(plain, { port: 1 })
  config.set({ port: 2 })
  expect(config.status.needsRestart).toEqual([])
})

test.each<[string, z.ZodType<object>]>([
  [
    'a section',
    z.object({ at: z.object({ port: restart(z.number()) }).transform(({ port }) => ({ made: port })) }),
  ],
  [
    'an optional section',
    z.object({
      at: z
        .object({ port: restart(z.number()) })
        .transform(({ port }) => ({ made: port }))
        .optional(),
    }),
  ],
  [
    'the whole',
    z.object({ at: z.object({ port: restart(z.number()) }) }).transform(({ at }) => ({ made: at.port })),
  ],
])('status.needsRestart: what a transform makes of %s with a marked part', async (_what, schema) => {
  const source = memory({ at: { port: 1 } })
  await using config = await defineConfig({ name: 'made', schema }).load({ sources: [source] })
  source.set({ at: { port: 2 } })
  expect(config.status.needsRestart).toEqual([expect.stringMatching(/made$/)])
  source.set({ at: { port: 1 } })
  expect(config.status.needsRestart).toEqual([])
})
