/** The configuration of the tests. It prints a banner, as files of users do. */
export const CONFIG = `import { defineConfig, etcd, secret } from 'livetree'
import * as z from 'zod'

if (process.env['BANNER'] !== undefined) console.log('a banner')
export default defineConfig({
  name: 'checkout',
  schema: z.object({
    http: z.object({
      timeoutMs: z.number().int().positive().default(2_000).describe('How long a request may take.'),
      hosts: z.array(z.string()).default([]),
    }),
    db: z.object({ url: secret(z.string()), pool: z.object({ max: z.number().int().max(200).default(10) }) }),
    features: z.record(z.string(), z.boolean()).default({}),
  }),
  sources: () => [etcd({ endpoints: process.env['STORE'] ?? '', root: '/config/checkout', overlays: ['base', 'prod'] })],
})
`
