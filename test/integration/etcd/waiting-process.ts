import { createEtcdClient } from '@livetree/etcd'

/** Does what LIVETREE_TEST_WAITS_FOR says, with an etcd that refuses connections; nothing but that keeps it running. */
const work: Readonly<Record<string, (client: ReturnType<typeof createEtcdClient>) => Promise<unknown>>> = {
  'a call': (client) => client.kv.get('key', { timeoutMs: 3_000 }),
  'a watch': async (client) => {
    for await (const batch of client.watch.watch({ key: 'key' }, { signal: AbortSignal.timeout(500) }))
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

const client = createEtcdClient({ endpoints: ['http://127.0.0.1:1'] })
try {
  console.log(await work[process.env.LIVETREE_TEST_WAITS_FOR!]!(client))
} catch (error) {
  console.log((error as { code: string }).code)
}
