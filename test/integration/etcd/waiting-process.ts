import { setTimeout } from 'node:timers/promises'
import { createEtcdClient } from '@livetree/etcd'

/** Does what LIVETREE_TEST_WAITS_FOR says, with the etcd of LIVETREE_TEST_ENDPOINT; nothing but that keeps it running. */
const work: Readonly<Record<string, (client: ReturnType<typeof createEtcdClient>) => Promise<unknown>>> = {
  'a call': (client) => client.kv.get('key', { timeoutMs: 3_000 }),
  'a watch': async (client) => {
    for await (const batch of client.watch.watch({ key: 'key' }, { signal: AbortSignal.timeout(500) }))
      return batch.revision
    return 'the end'
  },
  'a watch behind a call that is given up': async (client) => {
    await client.kv.get('key')
    const givenUp = client.kv.get('hangs', { timeoutMs: 400 }).catch(() => undefined)
    for await (const batch of client.watch.watch({ key: 'key' }, { signal: AbortSignal.timeout(1_500) }))
      return batch.revision
    await givenUp
    return 'the end'
  },
  'a watch at a server that takes no calls for now': async (client) => {
    await client.kv.get('key')
    await setTimeout(200)
    for await (const batch of client.watch.watch({ key: 'key' }, { signal: AbortSignal.timeout(1_000) }))
      return batch.revision
    return 'the end'
  },
  'a list-and-watch': (client) =>
    new Promise((resolve) => {
      const handlers = { onSnapshot: resolve, onEvents: resolve, onEnd: () => resolve('the end') }
      client.watch.sync({ key: 'key' }, handlers, { signal: AbortSignal.timeout(500) })
    }),
  nothing: async () => 'nothing',
}

const client = createEtcdClient({ endpoints: [process.env.LIVETREE_TEST_ENDPOINT ?? 'http://127.0.0.1:1'] })
try {
  console.log(await work[process.env.LIVETREE_TEST_WAITS_FOR!]!(client))
} catch (error) {
  console.log((error as { code: string }).code)
}
