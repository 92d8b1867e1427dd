import { Cluster, Maintenance } from '../wire/rpc.ts'
import { parseEndpoint } from './endpoint-url.ts'
import type { Channel } from './transport.ts'

/** What `syncMembers` works on. */
export interface SyncTarget {
  readonly channel: Channel
  /** What the client was given, or discovered with its first call; these always stay. */
  readonly seeds: () => readonly string[]
  /** How long a member may take to answer, in milliseconds. */
  readonly probeTimeoutMs: number
  useEndpoints(urls: readonly string[]): void
}

/** True when this URL is reached from here and answers for the same cluster. */
async function isReachable(
  { channel, probeTimeoutMs }: SyncTarget,
  url: string,
  clusterId: bigint,
): Promise<boolean> {
  try {
    const options = { endpoint: url, timeoutMs: probeTimeoutMs, retry: 'read' } as const
    const { header } = await channel.unary(Maintenance.status, {}, options)
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
 * Asks the cluster for its members and takes those into the rotation that answer from here: a member may well
 * advertise an address that only the other members can reach (ETCD T1 #26). Members that are gone leave the rotation,
 * seeds never do. Gives the endpoints now in use. Throws what the member list throws.
 */
export async function syncMembers(target: SyncTarget): Promise<readonly string[]> {
  const { channel } = target
  const { header, members } = await channel.unary(Cluster.memberList, {}, { retry: 'read' })
  // A member without a name has not started yet; a learner does not serve.
  const serving = members.filter((each) => each.name !== '' && !each.isLearner)
  const urls = new Set(
    serving.flatMap((each) => each.clientUrls.map(urlOf)).filter((url) => url !== undefined),
  )
  const seeds = target.seeds()
  const current = new Set(channel.endpoints())
  const secure = seeds.some((each) => each.startsWith('https:'))
  const adopted: string[] = []
  for (const url of urls) {
    // A plain connection must not creep into a client that was set up for TLS.
    if (seeds.includes(url) || (secure && url.startsWith('http:'))) continue
    if (current.has(url) || (await isReachable(target, url, header?.clusterId ?? 0n))) adopted.push(url)
  }
  const next = [...seeds, ...adopted]
  if (next.length !== current.size || next.some((url) => !current.has(url))) target.useEndpoints(next)
  return next
}
