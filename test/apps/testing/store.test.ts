import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient, op } from '@livetree/etcd'
import { etcd } from 'livetree'
import { expect, test } from 'vitest'
import { shop } from './shop.ts'

async function startShop() {
  await using resources = new AsyncDisposableStack()
  const server = resources.use(await startEmbeddedEtcd())
  const client = resources.use(createEtcdClient({ endpoints: [server.endpoint] }))
  await client.kv.put('/config/shop/greeting', 'Hello')
  const sources = [etcd({ endpoints: [server.endpoint], root: '/config/shop' })]
  const config = resources.use(await shop.load({ sources, logger: false }))
  const owned = resources.move()
  return { server, kv: client.kv, config, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

test('what an operator writes is read as the schema says', async () => {
  await using app = await startShop()
  await app.kv.put('/config/shop/pool/max', '20')
  await app.config.refresh() // reads what is written so far
  expect(app.config.current.pool.max).toBe(20)
})

test('a transaction is one change', async () => {
  await using app = await startShop()
  const changed = app.config.changed()
  await app.kv
    .txn()
    .then(op.put('/config/shop/pool/min', '15'), op.put('/config/shop/pool/max', '30'))
    .commit()
  expect((await changed).changes).toHaveLength(2)
})

test('a change that is made while the connection is away arrives', async () => {
  await using app = await startShop()
  await app.server.faults.refuseConnections(true)
  app.server.faults.dropConnections()
  await expect.poll(() => app.config.status.sources[0]?.state).toBe('lost')
  await app.server.faults.refuseConnections(false)
  await app.kv.put('/config/shop/greeting', 'Welcome')
  await expect.poll(() => app.config.current.greeting).toBe('Welcome')
})

test('a history that was compacted is caught up by reading the tree again', async () => {
  await using app = await startShop()
  app.server.faults.dropStreams()
  await app.kv.put('/config/shop/greeting', 'Welcome')
  await app.server.faults.compact()
  await expect.poll(() => app.config.current.greeting).toBe('Welcome')
})
