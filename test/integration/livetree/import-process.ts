import { createRequire } from 'node:module'

/** Prints which of the packages it does without at first a process has loaded: after importing livetree, and after a call. */
const { cache } = createRequire(import.meta.url)
const loaded = () =>
  ['undici', 'yaml', 'dotenv', 'smol-toml'].filter((name) =>
    Object.keys(cache).some((path) => path.replaceAll('\\', '/').includes(`/node_modules/${name}/`)),
  )

await import('livetree')
console.log(`imported: ${loaded()}`)
const { createEtcdClient } = await import('@livetree/etcd')
await using client = createEtcdClient({ endpoints: ['http://127.0.0.1:1'] })
await client.kv.get('key', { timeoutMs: 100 }).catch(() => undefined)
console.log(`called: ${loaded()}`)
