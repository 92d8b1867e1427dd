import type { CallDeadline } from '../call-deadline.ts'
import { EtcdError } from '../errors.ts'
import type { Channel } from '../transport/transport.ts'
import type { UnaryOptions } from '../transport/unary-request.ts'
import { Lease } from '../wire/rpc.ts'

/** What revoking needs. */
export interface RevokePorts {
  readonly channel: Channel
  readonly deadline: CallDeadline
}

/**
 * Ends a lease; gone already is fine. "Not found" is an error status, which names no cluster: a member of another cluster
 * says it of every lease. So it counts only when an answer that names the lease's cluster says so, too.
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
      // An answer of another cluster has that member left out, so the next round asks another one.
      if (await isGone(error.endpoint)) return
      if (attempt > channel.endpoints().length) throw error
    }
  }
}
