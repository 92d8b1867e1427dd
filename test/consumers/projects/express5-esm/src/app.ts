import { configMiddleware, healthHandler, live } from '@livetree/express'
import express from 'express'
import type { ConfigOf, LiveConfig } from 'livetree'
import type { shop } from './shop.js'

/** `pause` is awaited in the middle of each request. */
export function createApp(config: LiveConfig<ConfigOf<typeof shop>>, pause = async () => {}) {
  const app = express()
  app.get('/ready', healthHandler(config))
  app.use(configMiddleware(config))
  app.use(
    live(
      config,
      (c) => c.limits,
      ({ max }) =>
        (_request, response, next) => {
          response.set('x-max', max.toFixed())
          next()
        },
    ),
  )
  app.get('/', async (request, response) => {
    const before: string = request.config.greeting
    await pause()
    const after: string = config.pinned().greeting
    response.json([before, after, request.config.limits.max])
  })
  // @ts-expect-error there is no such part
  app.get('/never', (request) => request.config.greetings)
  return app
}
