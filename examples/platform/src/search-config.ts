import { defineConfig, etcd } from 'livetree'
import * as z from 'zod'
import { redisSchema } from './redis-schema.ts'
import { credentials, endpoints } from './roles.ts'

/** The configuration of search: its own directory over the shared one, which is mounted deeper. */
export const search = defineConfig({
  name: 'search',
  schema: z.object({ cache: z.object({ redis: redisSchema }), pageSize: z.int().positive() }),
  sources: () => [
    etcd({
      endpoints,
      auth: credentials('search'),
      layers: [{ prefix: '/config/shared/redis', at: 'cache.redis' }, { prefix: '/config/search' }],
    }),
  ],
})
