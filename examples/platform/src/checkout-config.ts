import { defineConfig, etcd, secret } from 'livetree'
import * as z from 'zod'
import { redisSchema } from './redis-schema.ts'
import { credentials, endpoints } from './roles.ts'

/** The configuration of checkout: its own directory over the shared one. */
export const checkout = defineConfig({
  name: 'checkout',
  schema: z.object({
    redis: redisSchema,
    currency: z.enum(['EUR', 'USD']),
    payment: z.object({ apiKey: secret(z.string()) }),
  }),
  sources: () => [
    etcd({
      endpoints,
      auth: credentials('checkout'),
      layers: [{ prefix: '/config/shared/redis', at: 'redis' }, { prefix: '/config/checkout' }],
    }),
  ],
})
