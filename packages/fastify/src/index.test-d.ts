import { type ConfigOf, createTestConfig, defineConfig, type LiveConfig } from '@livetree/core'
import type { RegisteredConfig, RegisteredLiveConfig } from '@livetree/core/adapter'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastify from 'fastify'
import { expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import { healthHandler, livetree } from './index.ts'

const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    limits: z.object({ max: z.number() }),
    hosts: z.array(z.object({ name: z.string() })),
    features: z.record(z.string(), z.boolean()),
  }),
})

test('request.config is what the application registers, and app.config the live configuration of it', () => {
  expectTypeOf<FastifyRequest['config']>().toEqualTypeOf<RegisteredConfig>()
  expectTypeOf<FastifyInstance['config']>().toEqualTypeOf<RegisteredLiveConfig>()
})

test('without a registered configuration request.config is unknown, not any', () => {
  fastify().get('/', (request) => {
    expectTypeOf(request.config).toBeUnknown()
  })
})

test('what a request is given is deeply readonly', () => {
  type Shop = ConfigOf<typeof shop>
  expectTypeOf<Shop>().toEqualTypeOf<{
    readonly limits: { readonly max: number }
    readonly hosts: readonly { readonly name: string }[]
    readonly features: Readonly<Record<string, boolean>>
  }>()
  const read = (config: LiveConfig<Shop>) => {
    const pinned = config.pinned()
    // @ts-expect-error a property inside cannot be written
    pinned.limits.max = 2
    // @ts-expect-error nor a list be added to
    pinned.hosts.push({ name: 'b' })
    // @ts-expect-error nor an entry be added
    pinned.features['beta'] = true
  }
  expectTypeOf(read).toBeFunction()
})

test('the plugin and the handler take any configuration', async () => {
  const config = await createTestConfig(shop)
  const app = fastify()
  await app.register(livetree, { config })
  app.get('/readyz', healthHandler(config))
})
