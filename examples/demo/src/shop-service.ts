import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { ShopConfig } from './shop-config.ts'

/** The shop, answering over HTTP. */
export interface ShopService {
  readonly url: string
  close(): Promise<void>
}

/** A service as anyone would write it: each request reads the configuration as it is at that moment. */
export async function startShop(config: ShopConfig): Promise<ShopService> {
  const app = express()
  app.get('/', (_request, response) => {
    const { greeting, pricing, stock } = config.current
    response.json({
      revision: config.revision,
      greeting,
      price: `${(100 - pricing.discountPercent).toFixed(2)} ${pricing.currency}`,
      articlesInStock: Object.keys(stock).length,
    })
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
