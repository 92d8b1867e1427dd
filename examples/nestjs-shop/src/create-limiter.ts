import type { ShopConfig } from '@livetree/example-shop'
import { MemoryStore, rateLimit } from 'express-rate-limit'

/** A new limiter counts anew. Its store is handed out so that its timer can be stopped. */
export function createLimiter({ windowMs, max }: ShopConfig['current']['limits']) {
  const store = new MemoryStore()
  return Object.assign(rateLimit({ windowMs, limit: max, store }), { store })
}
