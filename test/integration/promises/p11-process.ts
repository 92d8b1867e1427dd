import { defineConfig, etcd } from 'livetree'
import * as z from 'zod'

const definition = defineConfig({
  name: 'process',
  schema: z.object({ db: z.object({ pool: z.object({ max: z.number() }) }) }),
  unused: 'ignore',
})
const { LIVETREE_TEST_ENDPOINT: endpoint = '', LIVETREE_TEST_ROOT: root = '' } = process.env
const config = await definition.load({ sources: [etcd({ endpoints: [endpoint], root, overlays: ['prod'] })] })
await config.close()
console.log(`closed with pool max ${config.current.db.pool.max}`)
