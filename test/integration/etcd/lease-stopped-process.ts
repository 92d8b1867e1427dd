import { createEtcdClient } from '@livetree/etcd'

/** Keeps a short and a long lease, and says what it knows of them when a line comes on its standard input. */
const client = createEtcdClient({ endpoints: process.env.LIVETREE_TEST_ENDPOINT! })
const short = await client.lease.grant({ ttlSeconds: 4 })
const long = await client.lease.grant({ ttlSeconds: 600 })
await client.kv.put('short', '1', { lease: short.id })
for (const lease of [short, long]) lease.keepAlive()
process.stdin.once('data', async () => {
  console.log(`short lost: ${short.isLost}, long lost: ${long.isLost}`)
  if (!short.lost.aborted) await new Promise((resolve) => short.lost.addEventListener('abort', resolve))
  console.log(short.lost.reason.message)
  console.log(`long has ${await client.lease.keepAliveOnce(long.id)} s`)
  await client.close()
  process.stdin.destroy()
})
console.log('kept')
