import { defineConfig, etcd, secret } from 'livetree'
import * as z from 'zod'
import { follow } from './follow.ts'
import { redisSchema } from './redis-schema.ts'
import { credentials, endpoints } from './roles.ts'

const checkout = defineConfig({
  name: 'checkout',
  schema: z.object({
    redis: redisSchema,
    currency: z.enum(['EUR', 'USD']),
    payment: z.object({ apiKey: secret(z.string()) }),
  }),
})

await using config = await checkout.load({
  sources: [
    etcd({
      endpoints,
      auth: credentials('checkout'),
      layers: [{ prefix: '/config/shared/redis', at: 'redis' }, { prefix: '/config/checkout' }],
    }),
  ],
})
await follow('checkout', config, ({ redis, currency, payment }) => {
  const key = payment.apiKey === '' ? 'no key' : 'a key'
  return `${currency}, ${key}, Redis on ${redis.host}:${redis.port}`
})
