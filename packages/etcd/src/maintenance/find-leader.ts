import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { following } from '../kv/abortable.ts'
import { pinned } from '../kv/range-query.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { Maintenance } from '../wire/rpc.ts'

/** The endpoint of the leader, and its cluster. */
export interface Leader {
  readonly endpoint: string
  readonly clusterId?: bigint
}

/** How long the other members may take after the first answer, in milliseconds. */
const GRACE_MS = 2_000

/**
 * Asks all endpoints at once and returns the first that reports to be the leader. After the first answer the
 * others have `GRACE_MS` left, because a member that is down would otherwise use up the whole time limit. It asks
 * for the status of members, which etcd 3.5 with auth tells to root only.
 *
 * @throws EtcdError the first error if no endpoint answered, otherwise `no_leader`
 */
export async function findLeader(channel: Channel, clock: Clock, options: CallOptions): Promise<Leader> {
  const endpoints = channel.endpoints()
  const { stop, release } = following(options.signal)
  const silent = new Set(endpoints)
  let timer: unknown
  const asked = endpoints.map(async (endpoint): Promise<Leader> => {
    const request = { ...options, endpoint, signal: stop.signal, retry: 'read' } as const
    const { header, leader } = await channel.unary(Maintenance.status, {}, request)
    if (leader !== 0n && leader === header?.memberId) {
      return { endpoint, ...pinned(options.clusterId ?? header.clusterId) }
    }
    silent.delete(endpoint)
    timer ??= clock.setTimeout(() => stop.abort(), GRACE_MS)
    throw new EtcdError('no_leader', { call: CALL, endpoint })
  })
  try {
    return await Promise.any(asked)
  } catch (error) {
    const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error]
    // If the caller aborted or the client was closed, earlier answers do not matter.
    const isGraceOver = stop.signal.aborted && !options.signal?.aborted
    const ending = isGraceOver ? undefined : errors.find(isEnding)
    if (ending !== undefined) throw ending
    if (endpoints.length > 0 && silent.size === endpoints.length) throw errors[0]
    throw nobody(endpoints, silent)
  } finally {
    clock.clearTimeout(timer)
    release()
    stop.abort()
  }
}

const CALL = 'Maintenance/MoveLeader'

function isEnding(error: unknown): boolean {
  return error instanceof EtcdError && (error.code === 'cancelled' || error.code === 'closed')
}

function nobody(endpoints: readonly string[], silent: ReadonlySet<string>): EtcdError {
  const unheard = silent.size === 0 ? '' : `; no answer came from ${[...silent].join(', ')}`
  return new EtcdError('no_leader', {
    call: CALL,
    what: `none of the endpoints ${endpoints.join(', ')} is the leader${unheard}`,
    remedy: 'Add the endpoints of all members, or call syncMembers().',
  })
}
