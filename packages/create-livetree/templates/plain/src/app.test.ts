import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createTestConfig } from 'livetree'
import { createApp } from './app.ts'
import { app } from './config.ts'

test('greets as the configuration says now', async () => {
  await using config = await createTestConfig(app, { greeting: 'Hello' })
  const server = createApp(config).listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
    assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8')
    return response.text()
  }
  assert.equal(await get('/ann'), 'Hello, ann!\n')
  assert.equal(await get('/J%C3%B6rg'), 'Hello, Jörg!\n')
  config.set({ greeting: 'Good morning', loud: true })
  assert.equal(await get('/ann'), 'GOOD MORNING, ANN!\n')
  server.close()
})
