import { defineConfig, etcd } from 'livetree'
import * as z from 'zod'
import { follow } from './follow.ts'
import { redisSchema } from './redis-schema.ts'
import { credentials, endpoints } from './roles.ts'

const search = defineConfig({
  name: 'search',
  schema: z.object({ cache: z.object({ redis: redisSchema }), pageSize: z.int().positive() }),
})

await using config = await search.load({
  sources: [
    etcd({
      endpoints,
      auth: credentials('search'),
      layers: [{ prefix: '/config/shared/redis', at: 'cache.redis' }, { prefix: '/config/search' }],
    }),
  ],
})
await follow(
  'search',
  config,
  ({ cache, pageSize }) => `${pageSize} a page, Redis on ${cache.redis.host}:${cache.redis.port}`,
)
