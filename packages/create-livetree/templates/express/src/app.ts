import { configMiddleware, healthHandler } from '@livetree/express'
import express, { type Express } from 'express'
import type { LiveConfig } from 'livetree'
import type { AppConfig, app } from './config.ts'
import { greet } from './greet.ts'

// Gives request.config its type.
declare module 'livetree' {
  interface Register {
    config: typeof app
  }
}

export function createApp(config: LiveConfig<AppConfig>): Express {
  const server = express()
  server.get('/livez', healthHandler(config, { probe: 'liveness' }))
  server.get('/readyz', healthHandler(config))

  // Each request sees one state of the configuration, also across await.
  server.use(configMiddleware(config))
  server.get('/{:name}', (request, response) => {
    // As a text: with a name or a greeting that someone else chose, HTML would be a page of theirs.
    response.type('text/plain').send(`${greet(request.config, request.params.name ?? 'world')}\n`)
  })
  return server
}
