import { createTestConfig, etcd, LivetreeError, memory } from 'livetree'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createApp } from './app.js'
import { shop } from './shop.js'

const config = await createTestConfig(shop, { greeting: 'hello', limits: { max: 1 } })
const server = createApp(config, async () => {
  config.set({ greeting: 'changed', limits: { max: 2 } })
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const reply = await fetch(url)
assert.deepEqual([await reply.json(), reply.headers.get('x-max')], [['hello', 'hello', 1], '1'])
const next = await fetch(url)
assert.deepEqual([await next.json(), next.headers.get('x-max')], [['changed', 'changed', 2], '2'])
assert.equal((await fetch(`${url}/ready`)).status, 200)

await config.close()
server.close()
server.closeAllConnections()

// the store is not there: an error that says so, and nothing is left open
const load = shop.load({
  sources: [memory({}), etcd({ endpoints: ['http://127.0.0.1:1'], root: '/shop' })],
  startup: { timeoutMs: 500 },
  logger: false,
})
await assert.rejects(load, (error) => error instanceof LivetreeError && error.message.includes('127.0.0.1:1'))
console.log('ok')
