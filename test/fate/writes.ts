import { op, type EtcdClient } from '@livetree/etcd'

/** How the caller limits a write. */
export interface Limits {
  readonly signal: AbortSignal
  readonly timeoutMs?: number
}

/** A write that is made once, and a look at the store afterwards. */
export interface Write {
  /** Path of the request that writes; the others of the call only read, or grant a lease. */
  readonly path: string
  /** Writes what has to be there before; gives the revision. */
  prepare?(store: EtcdClient, id: string): Promise<number>
  run(client: EtcdClient, id: string, limits: Limits, revision: number): Promise<unknown>
  /** How often it was applied. */
  applied(store: EtcdClient, id: string): Promise<number>
}

const keyOf = (id: string): string => `/fate/${id}`
const leaseOf = (id: string): bigint => BigInt(`0x${Buffer.from(id).toString('hex')}`) & ((1n << 62n) - 1n)

async function version(store: EtcdClient, id: string): Promise<number> {
  return (await store.kv.get(keyOf(id)))?.version ?? 0
}

async function putBefore(store: EtcdClient, id: string): Promise<number> {
  return (await store.kv.put(keyOf(id), 'before')).header.revision
}

export const writes = {
  put: {
    path: 'KV/Put',
    run: ({ kv }, id, limits) => kv.put(keyOf(id), 'the value', limits),
    applied: version,
  },
  txn: {
    path: 'KV/Txn',
    run: ({ kv }, id, limits) =>
      kv
        .txn()
        .then(op.put(`${keyOf(id)}/1`, 'the value'), op.put(`${keyOf(id)}/2`, 'the value'))
        .commit(limits),
    async applied({ kv }, id) {
      const { entries } = await kv.getRange({ prefix: `${keyOf(id)}/` })
      const [one, two] = entries.map((entry) => entry.version)
      if (one !== two) throw new Error(`half of the transaction ${id} was applied`)
      return one ?? 0
    },
  },
  delete: {
    path: 'KV/DeleteRange',
    prepare: putBefore,
    run: ({ kv }, id, limits) => kv.delete(keyOf(id), limits),
    applied: async (store, id) => ((await version(store, id)) === 0 ? 1 : 0),
  },
  create: {
    path: 'KV/Txn',
    run: ({ kv }, id, limits) => kv.create(keyOf(id), 'the value', limits),
    applied: version,
  },
  'create of a unique value': {
    path: 'KV/Txn',
    run: ({ kv }, id, limits) => kv.create(keyOf(id), `the value of ${id}`, { isUnique: true, ...limits }),
    applied: version,
  },
  swap: {
    path: 'KV/Txn',
    prepare: putBefore,
    run: ({ kv }, id, limits, revision) =>
      kv.compareAndSwap(keyOf(id), 'the value', { expectedRevision: revision, ...limits }),
    applied: async (store, id) => (await version(store, id)) - 1,
  },
  append: {
    path: 'KV/Txn',
    run: ({ kv }, id, limits) => kv.append(`${keyOf(id)}/`, 'the value', limits),
    applied: ({ kv }, id) => kv.count({ prefix: `${keyOf(id)}/` }),
  },
  putWithTtl: {
    path: 'KV/Put',
    run: ({ kv }, id, limits) => kv.putWithTtl(keyOf(id), 'the value', { ttlSeconds: 60, ...limits }),
    applied: version,
  },
  grant: {
    path: 'Lease/LeaseGrant',
    run: ({ lease }, id, limits) => lease.grant({ ttlSeconds: 60, id: leaseOf(id), ...limits }),
    applied: async (store, id) => (await store.lease.list()).filter((each) => each === leaseOf(id)).length,
  },
  revoke: {
    path: 'Lease/LeaseRevoke',
    async prepare(store, id) {
      await store.lease.grant({ ttlSeconds: 600, id: leaseOf(id) })
      return 0
    },
    run: ({ lease }, id, limits) => lease.revoke(leaseOf(id), limits),
    applied: async (store, id) => ((await store.lease.list()).includes(leaseOf(id)) ? 0 : 1),
  },
} as const satisfies Record<string, Write>

export type WriteName = keyof typeof writes
export const writeNames = Object.keys(writes) as WriteName[]
