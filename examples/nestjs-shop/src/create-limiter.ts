import type { ShopConfig } from '@livetree/example-shop'
import { MemoryStore, rateLimit } from 'express-rate-limit'

/** Creates a limiter, which starts counting at zero. It exposes its store so that the store's timer can be stopped. */
export function createLimiter({ windowMs, max }: ShopConfig['current']['limits']) {
  const store = new MemoryStore()
  return Object.assign(rateLimit({ windowMs, limit: max, store }), { store })
}
