import { fileURLToPath } from 'node:url'
import { defineConfig, env, etcd, file, secret } from 'livetree'
import * as z from 'zod'

/** Where in the store the shop's tree is. */
export const root = '/config/shop'

/** Three layers, later ones win leaf by leaf: the file shipped with the app, the tree, the environment. */
const sourcesAt = (endpoint: string) => [
  file(fileURLToPath(new URL('../config/defaults.yaml', import.meta.url))),
  etcd({ endpoints: [endpoint], root, overlays: ['base', 'prod'] }),
  env({ prefix: 'SHOP_' }),
]

/** Everything that can be changed while the shop runs. The command `livetree` reads it too, and has `--endpoints`. */
export const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    greeting: z.string().min(1),
    pricing: z.object({
      currency: z.enum(['EUR', 'USD']),
      discountPercent: z.number().int().min(0).max(90),
    }),
    payment: z.object({ apiKey: secret(z.string()) }),
    stock: z.record(z.string(), z.number().int().min(0)).default({}),
  }),
  sources: () => sourcesAt('http://127.0.0.1:2379'),
})

/** Loads the configuration from the store at an endpoint. */
export const loadShop = (endpoint: string) =>
  shop.load({ sources: sourcesAt(endpoint), startup: { timeoutMs: 10_000, onUnavailable: 'fail' } })

/** The live configuration of the shop. */
export type ShopConfig = Awaited<ReturnType<typeof loadShop>>
