import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient } from '@livetree/etcd'
import { root } from './shop-config.ts'

/** The etcd the shop reads from. */
export interface ShopStore extends AsyncDisposable {
  readonly endpoints: readonly string[]
}

/** What a new shop starts with. */
const firstTree = {
  'base/pricing/currency': 'EUR',
  'base/pricing/rate': '1',
  'base/limits/max': '100',
  'base/db/pool/max': '4',
}

/**
 * The etcd at `ETCD_ENDPOINTS`, or one in this process when that is not set, on port 2379 where that is free. A store
 * without a tree for the shop is given one.
 */
export async function openStore(): Promise<ShopStore> {
  const given = process.env.ETCD_ENDPOINTS ?? ''
  const embedded = given === '' ? await startEmbedded() : undefined
  const endpoints = embedded === undefined ? given.split(',') : [embedded.endpoint]
  await plantFirstTree(endpoints)
  return { endpoints, [Symbol.asyncDispose]: async () => embedded?.close() }
}

async function startEmbedded() {
  const options = { autoCompaction: { keepRevisions: 10_000 } }
  try {
    return await startEmbeddedEtcd({ ...options, port: 2379 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    return startEmbeddedEtcd(options)
  }
}

async function plantFirstTree(endpoints: readonly string[]): Promise<void> {
  await using client = createEtcdClient({ endpoints })
  if ((await client.kv.count({ prefix: `${root}/` })) > 0) return
  for (const [path, value] of Object.entries(firstTree)) await client.kv.put(`${root}/${path}`, value)
}
