import { EtcdError } from '../errors.ts'
import { following } from '../kv/abortable.ts'
import { pinned } from '../kv/range-query.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { Maintenance } from '../wire/rpc.ts'

/** Where the leader is, and of which cluster. */
export interface Leader {
  readonly endpoint: string
  readonly clusterId?: bigint
}

/**
 * Asks all endpoints at once and takes the first that says it is the leader: one that is down would hold up the others for
 * the whole time. When none does, throws what all failed with, or `no_leader`.
 */
export async function findLeader(channel: Channel, options: CallOptions): Promise<Leader> {
  const endpoints = channel.endpoints()
  const { stop, release } = following(options.signal)
  const nobody = new EtcdError('no_leader', {
    call: 'Maintenance/MoveLeader',
    what: `none of the endpoints ${endpoints.join(', ')} is the leader`,
    remedy: 'Add the endpoints of all members, or call syncMembers().',
  })
  const asked = endpoints.map(async (endpoint): Promise<Leader> => {
    const request = { ...options, endpoint, signal: stop.signal, retry: 'read' } as const
    const { header, leader } = await channel.unary(Maintenance.status, {}, request)
    if (leader !== 0n && leader === header?.memberId) {
      return { endpoint, ...pinned(options.clusterId ?? header.clusterId) }
    }
    throw nobody
  })
  try {
    return await Promise.any(asked)
  } catch (error) {
    const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
    throw errors.includes(nobody) ? nobody : (errors[0] ?? nobody)
  } finally {
    release()
    stop.abort()
  }
}
