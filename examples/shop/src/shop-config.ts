import { type ConfigOf, defineConfig, env, etcd, type LiveConfig, memory, secret } from 'livetree'
import * as z from 'zod'

/** Everything that can be changed while a shop runs. */
export const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    log: z.object({ level: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('info') }),
    cors: z.object({ origins: z.array(z.string()).default([]) }),
    limits: z.object({
      windowMs: z.number().int().positive().default(60_000),
      max: z.number().int().positive().default(100),
    }),
    features: z.record(z.string(), z.boolean()).default({}),
    pricing: z.object({
      currency: z.enum(['EUR', 'USD']),
      /** How many units of the currency a euro is. */
      rate: z.number().positive(),
    }),
    db: z.object({
      /** Of a PostgreSQL; without one the shop keeps its articles in SQLite. */
      url: secret(z.url()).optional(),
      pool: z.object({ max: z.number().int().min(1).max(50).default(4) }),
    }),
  }),
})

export type ShopConfig = LiveConfig<ConfigOf<typeof shop>>

/** Where in the store the shop's tree is. */
export const root = '/config/shop'

/** The tree in etcd, over it the environment (`SHOP_LOG__LEVEL=debug`); `DATABASE_URL` is the usual name for the database. */
export function loadShop(endpoints: readonly string[]): Promise<ShopConfig> {
  const { DATABASE_URL: url } = process.env
  return shop.load({
    sources: [
      memory(url === undefined ? {} : { db: { url } }, { name: 'DATABASE_URL' }),
      etcd({ endpoints, root, overlays: ['base', 'prod'] }),
      env({ prefix: 'SHOP_' }),
    ],
    maxStalenessMs: 3_600_000,
  })
}
