// what a CommonJS app without TypeScript writes
const { createTestConfig, defineConfig, etcd, file, env } = require('livetree')
const { configMiddleware, live, healthHandler } = require('@livetree/express')
const { createEtcdClient } = require('@livetree/etcd')
const { startEmbeddedEtcd } = require('@livetree/embedded')
const { z } = require('zod')
const assert = require('node:assert/strict')

for (const name of [
  createTestConfig,
  etcd,
  file,
  env,
  configMiddleware,
  live,
  healthHandler,
  createEtcdClient,
]) {
  assert.equal(typeof name, 'function')
}

const main = async () => {
  const store = await startEmbeddedEtcd()
  const client = createEtcdClient({ endpoints: [store.endpoint] })
  await client.kv.put('/shop/greeting', 'hello')
  const shop = defineConfig({ name: 'shop', schema: z.object({ greeting: z.string() }) })
  const config = await shop.load({ sources: [etcd({ endpoints: [store.endpoint], root: '/shop' })] })
  assert.equal(config.current.greeting, 'hello')
  const changed = config.changed({ timeoutMs: 5_000 })
  await client.kv.put('/shop/greeting', 'changed')
  await changed
  assert.equal(config.current.greeting, 'changed')
  await config.close()
  await client.close()
  await store.close()
  console.log('ok')
}
main()
