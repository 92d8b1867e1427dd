import { randomBytes } from 'node:crypto'
import type { CallDeadline } from '../call-deadline.ts'
import { type Clock, type Moment, momentOf } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { finalError } from '../transport/retry.ts'
import { Sendings } from '../transport/sendings.ts'
import { Lease } from '../wire/rpc.ts'

/** A random positive lease id. Requesting the same id twice cannot create two leases. */
export function randomLeaseId(): bigint {
  return BigInt.asUintN(63, randomBytes(8).readBigUInt64BE()) || 1n
}

/** A lease as the server granted it. */
export interface Granted {
  readonly ttlSeconds: number
  /** The cluster that answered, if it reported its id. */
  readonly clusterId: bigint | undefined
  /** When the answered request was sent. The server counts from a later moment. */
  readonly sentAt: Moment
}

/**
 * Grants a lease with a random id. If the lease already exists, an earlier attempt of this call created it.
 */
export async function grantOwn(
  { channel, clock }: { readonly channel: Channel; readonly clock: Clock },
  deadline: CallDeadline,
  id: bigint,
  ttlSeconds: number,
  options: CallOptions,
): Promise<Granted> {
  let sentAt = momentOf(clock)
  const onSent = (): void => {
    sentAt = momentOf(clock)
  }
  const sendings = new Sendings()
  const explain = (error: unknown) => sendings.explain(error instanceof EtcdError ? named(error, id) : error)
  const call = (timeoutMs: number) => ({ ...options, timeoutMs, retry: 'read', onSent }) as const
  const granting = (timeoutMs: number) => ({ ...call(timeoutMs), sendings })
  try {
    const request = { id, ttl: ttlSeconds }
    const { ttl, header } = await deadline.run((timeoutMs) =>
      channel.unary(Lease.grant, request, granting(timeoutMs)),
    )
    return { ttlSeconds: ttl, clusterId: header?.clusterId, sentAt }
  } catch (error) {
    if (!(error instanceof EtcdError) || error.code !== 'lease_exists') throw explain(error)
    const asking = deadline.run((timeoutMs) => channel.unary(Lease.timeToLive, { id }, call(timeoutMs)))
    const info = await asking.catch((failed: unknown) => {
      // The fate is that of the grant, whatever happened to this read.
      throw explain(failed instanceof EtcdError ? failed.with({ fate: error.fate }) : failed)
    })
    if (info.ttl >= 0) {
      // An earlier attempt created it, so it is as old as the server reports.
      const spentMs = (info.grantedTtl - info.ttl) * 1_000
      const since = { wallMs: sentAt.wallMs - spentMs, monotonicMs: sentAt.monotonicMs - spentMs }
      return { ttlSeconds: info.grantedTtl, clusterId: info.header?.clusterId, sentAt: since }
    }
    throw new EtcdError('lease_not_found', {
      call: 'Lease/LeaseGrant',
      what: `lease ${id} was granted but expired before the answer arrived`,
      cause: error,
    })
  }
}

/** Names the lease in the error of a grant that may have been applied: nobody else knows its id. */
function named(error: EtcdError, id: bigint): EtcdError {
  const told = finalError(error, 'write')
  return told.fate === 'unknown'
    ? told.with({ what: `${told.what}; lease ${id} may have been granted` })
    : told
}
