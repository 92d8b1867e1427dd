import cors from '@fastify/cors'
import rateLimit from '@fastify/rate-limit'
import { type Catalog, quote, type ShopConfig, type shop } from '@livetree/example-shop'
import { healthHandler, livetree } from '@livetree/fastify'
import fastify, { type FastifyInstance, LogController } from 'fastify'
import type { Resource } from 'livetree'

declare module 'livetree' {
  interface Register {
    config: typeof shop
  }
}

export interface ShopParts {
  readonly config: ShopConfig
  readonly catalog: Resource<Catalog>
  /** False disables the pin, to show its purpose: a request may then see two states of the configuration. */
  readonly isPinned: boolean
}

export async function createApp({ config, catalog, isPinned }: ShopParts): Promise<FastifyInstance> {
  const app = fastify({
    logger: { name: config.name },
    logController: new LogController({ disableRequestLogging: true }),
  })
  await app.register(livetree, { config, pin: isPinned })
  followLog(app)

  app.get('/livez', healthHandler(config, { probe: 'liveness' }))
  app.get('/readyz', healthHandler(config))
  app.get('/pool', () => ({ max: catalog.current.max, ...catalog.status }))

  // Options that accept functions read the configuration of each request.
  await app.register(cors, {
    delegator: (request, done) => done(null, { origin: [...request.config.cors.origins] }),
  })
  await app.register(async (shop) => {
    await shop.register(rateLimit, {
      max: (request) => request.config.limits.max,
      timeWindow: (request) => request.config.limits.windowMs,
    })
    shop.get<{ Params: { id: string } }>('/articles/:id', async (request, reply) => {
      request.log.debug({ url: request.url }, 'asked')
      const found = await quote(config, catalog, Number(request.params.id))
      return found ?? reply.code(404).send({ error: 'There is no such article' })
    })
  })
  return app
}

/** The level follows the configuration; the loggers of requests are children of this one. */
function followLog({ config, log }: FastifyInstance): void {
  const setLevel = (level: string) => {
    log.level = level
  }
  config.watch((c) => c.log.level, setLevel, { immediate: true })
  config.on('change', ({ revision, changes }) =>
    log.info({ revision, paths: changes.map((c) => c.pathText) }, 'changed'),
  )
  config.on('rejected', ({ revision, issues }) => log.warn({ revision, issues }, 'rejected'))
  config.on('stale', ({ reason }) => log.warn({ reason }, 'stale'))
  config.on('error', (error) => log.error(error))
}
