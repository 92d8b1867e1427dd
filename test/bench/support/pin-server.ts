import { createTestConfig, defineConfig } from '@livetree/core'
import type { Express, RequestHandler } from 'express'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as z from 'zod'

/** Serves one trivial route, with or without livetree around it, and tells what it costs: a child of pin.ts. */
const config = await createTestConfig(
  defineConfig({
    name: 'bench',
    schema: z.object({ greeting: z.string(), limits: z.object({ max: z.number() }) }),
  }),
  { greeting: 'hello', limits: { max: 1 } },
)

const createInner = (): RequestHandler => (_request, _response, next) => next()

/** Each process loads its own framework and nothing else, as an app does: to load another one makes the first slower. */
const apps = {
  express: () => listenExpress(),
  'express + configMiddleware': async () => {
    const { configMiddleware } = await import('@livetree/express')
    return listenExpress(configMiddleware(config))
  },
  "express + configMiddleware, pin: 'request'": async () => {
    const { configMiddleware } = await import('@livetree/express')
    return listenExpress(configMiddleware(config, { pin: 'request' }))
  },
  'express + configMiddleware + live': async () => {
    const { configMiddleware, live } = await import('@livetree/express')
    return listenExpress(
      configMiddleware(config),
      live(config, (c) => c.limits, createInner),
    )
  },
  'express + configMiddleware + live with dispose': async () => {
    const { configMiddleware, live } = await import('@livetree/express')
    return listenExpress(
      configMiddleware(config),
      live(config, (c) => c.limits, createInner, { dispose: () => {} }),
    )
  },
  'express + a middleware that does nothing': () => listenExpress(createInner()),
  'express + two middlewares that do nothing': () => listenExpress(createInner(), createInner()),
  fastify: () => listenFastify(false),
  'fastify + livetree': () => listenFastify('async'),
  "fastify + livetree, pin: 'request'": () => listenFastify('request'),
  nestjs: () => listenNest(false),
  'nestjs + LivetreeModule': () => listenNest(true),
} satisfies Record<string, () => Promise<number>>

/** What can be served. */
export type PinBenchApp = keyof typeof apps

async function listenExpress(...middleware: readonly RequestHandler[]): Promise<number> {
  const { default: express } = await import('express')
  const app: Express = express()
  for (const one of middleware) app.use(one)
  app.get('/', (_request, response) => void response.send('hello'))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return keepOpen(server)
}

/** Connections wait for their turn as long as it takes. */
function keepOpen(server: Server): number {
  server.keepAliveTimeout = 0
  return (server.address() as AddressInfo).port
}

async function listenFastify(pin: 'async' | 'request' | false): Promise<number> {
  const { default: fastify } = await import('fastify')
  const app = fastify()
  if (pin !== false) await app.register((await import('@livetree/fastify')).livetree, { config, pin })
  app.get('/', async () => 'hello')
  await app.listen({ port: 0, host: '127.0.0.1' })
  return keepOpen(app.server)
}

async function listenNest(hasModule: boolean): Promise<number> {
  const { Controller, Get, Module } = await import('@nestjs/common')
  const { NestFactory } = await import('@nestjs/core')
  const imports = hasModule ? [(await import('@livetree/nestjs')).LivetreeModule.forRoot({ config })] : []
  class HelloController {
    hello() {
      return 'hello'
    }
  }
  Controller()(HelloController)
  const descriptor = Object.getOwnPropertyDescriptor(HelloController.prototype, 'hello')!
  Get()(HelloController.prototype, 'hello', descriptor)
  class AppModule {}
  Module({ imports, controllers: [HelloController] })(AppModule)
  const app = await NestFactory.create(AppModule, { logger: false })
  await app.listen(0, '127.0.0.1')
  return keepOpen(app.getHttpServer())
}

if (process.send !== undefined) {
  const port = await apps[process.argv[2] as PinBenchApp]()
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send!({ port, cpuMs: (user + system) / 1_000 })
  })
  process.on('disconnect', () => process.exit())
  process.send({ port, cpuMs: 0 })
}
