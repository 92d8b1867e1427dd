import { type Catalog, quote, type ShopConfig, type shop } from '@livetree/example-shop'
import { configMiddleware, healthHandler, live } from '@livetree/express'
import cors from 'cors'
import express, { type Express } from 'express'
import { MemoryStore, rateLimit } from 'express-rate-limit'
import type { Resource } from 'livetree'
import type { Logger } from 'pino'

declare module 'livetree' {
  interface Register {
    config: typeof shop
  }
}

export interface ShopParts {
  readonly config: ShopConfig
  readonly catalog: Resource<Catalog>
  readonly log: Logger
  /** False disables the pin, to show its purpose: a request may then see two states of the configuration. */
  readonly isPinned: boolean
}

export function createApp({ config, catalog, log, isPinned }: ShopParts): Express {
  const app = express()
  app.get('/livez', healthHandler(config, { probe: 'liveness' }))
  app.get('/readyz', healthHandler(config))

  app.get('/pool', (_request, response) => {
    response.json({ max: catalog.current.max, ...catalog.status })
  })

  if (isPinned) app.use(configMiddleware(config))
  app.use(
    live(
      config,
      (c) => c.cors,
      ({ origins }) => cors({ origin: [...origins] }),
    ),
  )
  app.use(live(config, (c) => c.limits, createLimiter, { dispose: ({ store }) => store.shutdown() }))

  app.get('/articles/:id', async (request, response) => {
    log.debug({ url: request.url }, 'asked')
    const found = await quote(config, catalog, Number(request.params.id))
    if (found === undefined) response.status(404).json({ error: 'There is no such article' })
    else response.json(found)
  })
  return app
}

/** Creates a limiter, which starts counting at zero. It exposes its store so that the store's timer can be stopped. */
function createLimiter({ windowMs, max }: ShopConfig['current']['limits']) {
  const store = new MemoryStore()
  return Object.assign(rateLimit({ windowMs, limit: max, store }), { store })
}
