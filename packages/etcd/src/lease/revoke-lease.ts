import type { CallDeadline } from '../call-deadline.ts'
import type { Fate } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import type { Channel } from '../transport/transport.ts'
import { finalError, worseFate } from '../transport/retry.ts'
import { Sendings } from '../transport/sendings.ts'
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
  const sendings = new Sendings()
  const revoking = (timeoutMs: number) => ({ ...control(timeoutMs), sendings })
  let fate: Fate = 'not_sent'
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
  const isRevoked = async (attempt: number): Promise<boolean> => {
    try {
      await deadline.run((timeoutMs) => channel.unary(Lease.revoke, { id }, revoking(timeoutMs)))
      return true
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error
      fate = worseFate(fate, error.fate)
      if (error.code !== 'lease_not_found') throw error
      if (options.clusterId === undefined) return true
      // A response of another cluster takes that member out of use, so the next round reaches another one.
      if (await isGone(error.endpoint)) return true
      if (attempt > channel.endpoints().length) throw error
      return false
    }
  }
  try {
    for (let attempt = 0; ; attempt += 1) if (await isRevoked(attempt)) return
  } catch (error) {
    // The fate is that of the revocations, whatever happened to the reads.
    throw sendings.explain(error instanceof EtcdError ? finalError(error.with({ fate }), 'write') : error)
  }
}
