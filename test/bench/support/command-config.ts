import { defineConfig, etcd } from 'livetree'
import * as z from 'zod'

/** What the benches of the command read: a small leaf beside a large record of records. */
const schema = z.object({
  port: z.number().default(80),
  groups: z.record(z.string(), z.record(z.string(), z.number())).default({}),
})

export default defineConfig({
  name: 'bench',
  schema,
  guard: false,
  sources: () => [
    etcd({ endpoints: process.env['BENCH_ENDPOINT'] ?? '', root: '/bench', overlays: ['base', 'prod'] }),
  ],
})
