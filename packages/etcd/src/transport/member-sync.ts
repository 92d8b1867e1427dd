import { Cluster, KV } from '../wire/rpc.ts'
import { parseEndpoint } from './endpoint-url.ts'
import type { Channel } from './transport.ts'

/** What `syncMembers` works on. */
export interface SyncTarget {
  readonly channel: Channel
  /** The configured endpoints, or those discovered with the first call; they always remain in use. */
  readonly seeds: () => readonly string[]
  /** Time limit for a member's answer, in milliseconds. */
  readonly probeTimeoutMs: number
  useEndpoints(urls: readonly string[]): void
}

/**
 * True if this URL is reachable and answers for the same cluster. It is asked for an empty transaction, which every
 * user may execute: etcd 3.5 with auth tells its status to root only.
 */
async function isReachable(
  { channel, probeTimeoutMs }: SyncTarget,
  url: string,
  clusterId: bigint,
): Promise<boolean> {
  try {
    const options = { endpoint: url, timeoutMs: probeTimeoutMs, retry: 'read' } as const
    const { header } = await channel.unary(KV.txn, {}, options)
    return header?.clusterId === clusterId
  } catch {
    return false
  }
}

function urlOf(text: string): string | undefined {
  try {
    return parseEndpoint(text, false)
  } catch {
    return undefined
  }
}

/**
 * Lists the cluster's members and adds those that answer to the rotation: a member may advertise an address
 * that only other members can reach. Removed members leave the rotation, configured endpoints
 * never do. Returns the endpoints now in use.
 *
 * @throws EtcdError any error of the member list
 */
export async function syncMembers(target: SyncTarget): Promise<readonly string[]> {
  const { channel } = target
  const { header, members } = await channel.unary(Cluster.memberList, {}, { retry: 'read' })
  // A member without a name has not started yet; a learner does not serve clients.
  const serving = members.filter((each) => each.name !== '' && !each.isLearner)
  const urls = new Set(
    serving.flatMap((each) => each.clientUrls.map(urlOf)).filter((url) => url !== undefined),
  )
  const seeds = target.seeds()
  const current = new Set(channel.endpoints())
  const secure = seeds.some((each) => each.startsWith('https:'))
  const adopted: string[] = []
  for (const url of urls) {
    // Plain connections must not be added to a client that is configured for TLS.
    if (seeds.includes(url) || (secure && url.startsWith('http:'))) continue
    if (current.has(url) || (await isReachable(target, url, header?.clusterId ?? 0n))) adopted.push(url)
  }
  const next = [...seeds, ...adopted]
  if (next.length !== current.size || next.some((url) => !current.has(url))) target.useEndpoints(next)
  return next
}
