import { flagSetSchema } from '@livetree/openfeature/schema'
import { defineConfig, etcd } from 'livetree'
import * as z from 'zod'

/** The configuration of the shop, with its flags under `features`. */
export const shop = defineConfig({
  name: 'shop',
  schema: z.object({ features: flagSetSchema }),
  sources: () => [
    etcd({ endpoints: [process.env['ETCD_ENDPOINTS'] ?? 'http://127.0.0.1:2379'], root: '/config/shop' }),
  ],
})
