import { configMiddleware, healthHandler, live } from '@livetree/express'
import express from 'express'
import { createTestConfig, defineConfig } from 'livetree'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

const shop = defineConfig({ name: 'shop', schema: z.object({ greeting: z.string(), max: z.number() }) })

declare module 'livetree' {
  interface Register {
    config: typeof shop
  }
}

type ShopConfig = Awaited<ReturnType<typeof openConfig>>
const openConfig = () => createTestConfig(shop, { greeting: 'hello', max: 1 })

function createApp(config: ShopConfig) {
  const app = express()
  app.get('/ready', healthHandler(config))
  app.use(configMiddleware(config), express.json())
  app.use(
    live(
      config,
      (c) => c.max,
      (max) => (_request, response, next) => void next(response.set('x-max', `${max}`) && undefined),
    ),
  )
  app.post('/', (request, response) => {
    config.set({ greeting: 'changed', max: 2 })
    setTimeout(() => response.json([request.config.greeting, config.pinned().greeting]), 1)
  })
  return app
}

async function main() {
  const config = await openConfig()
  const server = createApp(config).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const post = () =>
    fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
  const reply = await post()
  assert.deepEqual([await reply.json(), reply.headers.get('x-max')], [['hello', 'hello'], '1'])
  const next = await post()
  assert.deepEqual([await next.json(), next.headers.get('x-max')], [['changed', 'changed'], '2'])
  assert.equal((await fetch(`${url}/ready`)).status, 200)
  await config.close()
  server.close()
  server.closeAllConnections()
  console.log('ok')
}

void main()
