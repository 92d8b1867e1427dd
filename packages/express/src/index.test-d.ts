import { createTestConfig, defineConfig, type LiveConfig } from '@livetree/core'
import express, { type RequestHandler } from 'express'
import { rateLimit } from 'express-rate-limit'
import { assertType, expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import { configMiddleware, healthHandler, live } from './index.ts'

const shop = defineConfig({
  name: 'shop',
  schema: z.object({ limits: z.object({ max: z.number() }), features: z.record(z.string(), z.boolean()) }),
})
const config = await createTestConfig(shop)

test('selectors and factories infer without casts', () => {
  const limiter = live(
    config,
    (c) => c.limits,
    (limits) => {
      expectTypeOf(limits).toEqualTypeOf<{ readonly max: number }>()
      return rateLimit({ limit: limits.max })
    },
  )
  assertType<RequestHandler>(limiter)
  expectTypeOf(limiter.close).returns.resolves.toBeVoid()
  // @ts-expect-error there is no such part
  const misspelt = (c: ReturnType<typeof config.pinned>) => c.limit
  live(config, misspelt, () => limiter)
  express().use(configMiddleware(config), limiter).get('/ready', healthHandler(config))
})

test('what is pinned has the type of the definition', () => {
  expectTypeOf(config.pinned()).toEqualTypeOf<{
    readonly limits: { readonly max: number }
    readonly features: Readonly<Record<string, boolean>>
  }>()
  expectTypeOf<LiveConfig<{ a: number }>['pinned']>().returns.toEqualTypeOf<{ a: number }>()
})

test('without a registered configuration req.config is unknown, not any', () => {
  express().get('/', (request) => {
    expectTypeOf(request.config).toBeUnknown()
  })
})
