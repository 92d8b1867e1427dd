import { createTestConfig } from 'livetree'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createApp } from './app.js'
import { shop } from './shop.js'

// no afterEach and no process.exit: node:test ends by itself when nothing is left open
test('the app follows the configuration', async () => {
  await using config = await createTestConfig(shop, { greeting: 'hello', limits: { max: 1 } })
  const server = createApp(config).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  config.set({ greeting: 'changed' })
  assert.deepEqual(await (await fetch(url, { headers: { connection: 'close' } })).json(), [
    'changed',
    'changed',
    1,
  ])
  server.close()
})
