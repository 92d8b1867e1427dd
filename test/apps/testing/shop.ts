import { type ConfigOf, defineConfig, type LiveConfig } from 'livetree'
import * as z from 'zod'

export const shop = defineConfig({
  name: 'shop',
  schema: z
    .object({
      greeting: z.string().min(1),
      pool: z.object({ min: z.number().int().default(0), max: z.number().int().max(200).default(10) }),
    })
    .refine(({ pool }) => pool.min <= pool.max, {
      path: ['pool', 'min'],
      message: 'min must not be above max',
    }),
})

export type ShopConfig = LiveConfig<ConfigOf<typeof shop>>

/** Stands for a pool of connections. */
export class Pool {
  readonly max: number
  isOpen = true

  constructor(max: number) {
    this.max = max
  }

  end(): void {
    this.isOpen = false
  }
}

/** The pool of the shop, which is replaced when its part of the configuration changes. */
export function openPool(config: ShopConfig) {
  return config.resource((c) => c.pool, {
    name: 'pool',
    create: ({ max }) => new Pool(max),
    dispose: (pool) => pool.end(),
    drainMs: 30_000,
  })
}
