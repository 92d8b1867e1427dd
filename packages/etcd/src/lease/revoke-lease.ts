import type { CallDeadline } from '../call-deadline.ts'
import { EtcdError } from '../errors.ts'
import type { Channel } from '../transport/transport.ts'
import type { UnaryOptions } from '../transport/unary-request.ts'
import { Lease } from '../wire/rpc.ts'

/** What revoking a lease needs. */
export interface RevokePorts {
  readonly channel: Channel
  readonly deadline: CallDeadline
}

/**
 * Revokes a lease; succeeds if it no longer exists. "Not found" is an error status without a cluster id, and
 * a member of another cluster returns it for any lease. It is therefore confirmed by a response that names
 * the lease's cluster.
 */
export async function revokeLease(
  { channel, deadline }: RevokePorts,
  id: bigint,
  options: UnaryOptions,
): Promise<void> {
  const control = (timeoutMs: number) => ({ ...options, timeoutMs, retry: 'read' }) as const
  const isGone = async (endpoint: string | undefined): Promise<boolean> => {
    const asked = endpoint === undefined ? {} : { endpoint }
    try {
      const { ttl } = await deadline.run((timeoutMs) =>
        channel.unary(Lease.timeToLive, { id }, { ...control(timeoutMs), ...asked }),
      )
      return ttl < 0
    } catch (error) {
      if (error instanceof EtcdError && error.code === 'cluster_changed') return false
      throw error
    }
  }
  for (let attempt = 0; ; attempt += 1) {
    try {
      await deadline.run((timeoutMs) => channel.unary(Lease.revoke, { id }, control(timeoutMs)))
      return
    } catch (error) {
      if (!(error instanceof EtcdError) || error.code !== 'lease_not_found') throw error
      if (options.clusterId === undefined) return
      // A response of another cluster takes that member out of use, so the next round reaches another one.
      if (await isGone(error.endpoint)) return
      if (attempt > channel.endpoints().length) throw error
    }
  }
}
