import { randomBytes } from 'node:crypto'
import { Lease } from '@livetree/etcd/wire'
import type { Engine } from '../engine.ts'
import { duplex, type Route, unary } from '../grpc/service.ts'

/** The size etcd assumes for a lease when it checks the quota, in bytes. */
const LEASE_BYTES = 64

/** A random lease id: positive and not 0. */
function freshId(engine: Engine): bigint {
  let id = 0n
  while (id === 0n || engine.lessor.has(id)) id = BigInt.asUintN(63, randomBytes(8).readBigUInt64BE())
  return id
}

/** etcd's Lease service. */
export function leaseService(engine: Engine): Route[] {
  const { lessor } = engine
  return [
    unary(Lease.grant, async ({ id, ttl }, { caller }) => {
      caller.assertKnown()
      engine.assertSpace(LEASE_BYTES)
      const wanted = id === 0n ? freshId(engine) : id
      const granted = await engine.grantLease(wanted, ttl)
      return { header: engine.header(), id: wanted, ttl: granted, error: '' }
    }),

    unary(Lease.revoke, async ({ id }, { caller }) => {
      caller.assertKnown()
      await engine.revokeLease(id, caller)
      return { header: engine.header() }
    }),

    duplex(Lease.keepAlive, (stream, { caller }) => ({
      receive({ id }) {
        caller.assertKnown()
        engine.assertLeaseWrite(id, caller)
        const lease = lessor.renew(id)
        stream.send({ header: engine.header(), id, ttl: lease?.ttlSeconds ?? 0 })
      },
      end: () => stream.end(),
      drain: () => {},
      close: () => {},
    })),

    unary(Lease.timeToLive, ({ id, keys: wantsKeys }, { caller }) => {
      caller.assertKnown()
      const header = engine.header()
      const lease = lessor.get(id)
      if (lease === undefined) return { header, id, ttl: -1, grantedTtl: 0, keys: [] }
      const keys = wantsKeys ? [...lease.keys].sort() : []
      for (const key of keys) caller.assertRead({ type: 'key', start: key })
      const ttl = lessor.remainingSeconds(lease)
      return {
        header,
        id,
        ttl,
        grantedTtl: lease.ttlSeconds,
        keys: keys.map((key) => Buffer.from(key, 'latin1')),
      }
    }),

    unary(Lease.leases, (_request, { caller }) => {
      caller.assertKnown()
      const leases = lessor.list()
      for (const { keys } of leases) for (const key of keys) caller.assertRead({ type: 'key', start: key })
      return { header: engine.header(), leases: leases.map(({ id }) => ({ id })) }
    }),
  ]
}
