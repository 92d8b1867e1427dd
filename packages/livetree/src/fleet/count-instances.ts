import type { EtcdClient } from '@livetree/etcd'
import { CALL, type OperationsKeys } from './operations.ts'

/** How many instances of all configurations there are; undefined where the store does not say. */
export async function countInstances(client: EtcdClient, keys: OperationsKeys): Promise<number | undefined> {
  try {
    return await client.kv.count({ prefix: keys.instances, serializable: true, ...CALL })
  } catch {
    return undefined
  }
}
