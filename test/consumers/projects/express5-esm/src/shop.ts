import { defineConfig, secret } from 'livetree'
import * as z from 'zod'

export const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    greeting: z.string(),
    limits: z.object({ max: z.number().int() }),
    token: secret(z.string()).optional(),
  }),
})

declare module 'livetree' {
  interface Register {
    config: typeof shop
  }
}
