import { healthHandler, livetree } from '@livetree/fastify'
import { type FastifyInstance, fastify } from 'fastify'
import type { LiveConfig } from 'livetree'
import type { AppConfig, app } from './config.ts'
import { greet } from './greet.ts'

// Gives request.config its type.
declare module 'livetree' {
  interface Register {
    config: typeof app
  }
}

export async function createApp(config: LiveConfig<AppConfig>): Promise<FastifyInstance> {
  const server = fastify()
  // Each request sees one state of the configuration, also across await.
  await server.register(livetree, { config })
  server.get('/livez', healthHandler(config, { probe: 'liveness' }))
  server.get('/readyz', healthHandler(config))

  server.get<{ Params: { name?: string } }>('/:name?', (request) => {
    return `${greet(request.config, request.params.name || 'world')}\n`
  })
  return server
}
