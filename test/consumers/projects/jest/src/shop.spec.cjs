const { configMiddleware } = require('@livetree/express')
const express = require('express')
const { createTestConfig, defineConfig, etcd, LivetreeError, memory } = require('livetree')
const { once } = require('node:events')
const { z } = require('zod')

const shop = defineConfig({ name: 'shop', schema: z.object({ greeting: z.string() }) })

test('a request sees one state', async () => {
  const config = await createTestConfig(shop, { greeting: 'hello' })
  const app = express().use(configMiddleware(config))
  app.get('/', async (request, response) => {
    config.set({ greeting: 'changed' })
    await Promise.resolve()
    response.json([request.config.greeting, config.pinned().greeting, config.current.greeting])
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const reply = await fetch(`http://127.0.0.1:${server.address().port}`, { headers: { connection: 'close' } })
  expect(await reply.json()).toEqual(['hello', 'hello', 'changed'])
  await config.close()
  server.close()
})

test('a store that is not there is said so', async () => {
  const load = shop.load({
    sources: [memory(), etcd({ endpoints: ['http://127.0.0.1:1'], root: '/shop' })],
    startup: { timeoutMs: 500 },
  })
  await expect(load).rejects.toThrow(LivetreeError)
})
