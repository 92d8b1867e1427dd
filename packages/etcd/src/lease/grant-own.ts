import { randomBytes } from 'node:crypto'
import type { CallDeadline } from '../call-deadline.ts'
import { EtcdError } from '../errors.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { Lease } from '../wire/rpc.ts'

/** A random positive lease id: asking twice for it cannot make two leases. */
export function randomLeaseId(): bigint {
  return BigInt.asUintN(63, randomBytes(8).readBigUInt64BE()) || 1n
}

/** What a server granted. */
export interface Granted {
  readonly ttlSeconds: number
  /** The cluster that answered, where it named itself. */
  readonly clusterId: bigint | undefined
}

/** Grants a lease with an id nobody else can have chosen: if it is there, an earlier attempt has made it. Gives its seconds, and whose it is. */
export async function grantOwn(
  channel: Channel,
  deadline: CallDeadline,
  id: bigint,
  ttlSeconds: number,
  options: CallOptions,
): Promise<Granted> {
  const call = (timeoutMs: number) => ({ ...options, timeoutMs, retry: 'read' }) as const
  try {
    const request = { id, ttl: ttlSeconds }
    const { ttl, header } = await deadline.run((timeoutMs) =>
      channel.unary(Lease.grant, request, call(timeoutMs)),
    )
    return { ttlSeconds: ttl, clusterId: header?.clusterId }
  } catch (error) {
    if (!(error instanceof EtcdError) || error.code !== 'lease_exists') throw error
    const info = await deadline.run((timeoutMs) => channel.unary(Lease.timeToLive, { id }, call(timeoutMs)))
    if (info.ttl >= 0) return { ttlSeconds: info.grantedTtl, clusterId: info.header?.clusterId }
    throw new EtcdError('lease_not_found', {
      call: 'Lease/LeaseGrant',
      what: `lease ${id} was granted and has run out before the answer came`,
      cause: error,
    })
  }
}
