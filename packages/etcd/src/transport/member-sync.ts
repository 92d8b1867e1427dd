import { EtcdError } from '../errors.ts'
import { Cluster, KV } from '../wire/rpc.ts'
import { parseEndpoint } from './endpoint-url.ts'
import type { Channel } from './transport.ts'

/** What a `MemberSync` works on. */
export interface SyncTarget {
  readonly channel: Channel
  /** The configured endpoints, or those discovered with the first call; they always remain in use. */
  readonly seeds: () => readonly string[]
  /** Time limit for the answers of all members, in milliseconds. */
  readonly probeTimeoutMs: number
  useEndpoints(urls: readonly string[]): void
}

/** Adds the cluster's members to the rotation of a client. */
export class MemberSync {
  readonly #target: SyncTarget
  #begun = 0
  #applied = 0

  constructor(target: SyncTarget) {
    this.#target = target
  }

  /**
   * Lists the cluster's members and adds those that answer to the rotation: a member may advertise an address
   * that only other members can reach. Removed members leave the rotation, configured endpoints
   * never do. A list that was asked for later and applied already counts more. Returns the endpoints now in use.
   *
   * @throws EtcdError any error of the member list; `closed`
   */
  async run(): Promise<readonly string[]> {
    const { channel, seeds: seedsOf, useEndpoints } = this.#target
    const turn = ++this.#begun
    const { header, members } = await channel.unary(Cluster.memberList, {}, { retry: 'read' })
    // A member without a name has not started yet; a learner does not serve clients.
    const serving = members.filter((each) => each.name !== '' && !each.isLearner)
    const urls = serving.flatMap((each) => each.clientUrls.map(urlOf)).filter((url) => url !== undefined)
    const adopted = await this.#reachable(new Set(urls), header?.clusterId ?? 0n)
    const next = [...seedsOf(), ...adopted]
    const current = new Set(channel.endpoints())
    if (turn < this.#applied) return [...current]
    this.#applied = turn
    if (next.length !== current.size || next.some((url) => !current.has(url))) useEndpoints(next)
    return next
  }

  /** Those besides the seeds that are in use already, or answer for the cluster. They are asked at the same time. */
  async #reachable(urls: ReadonlySet<string>, clusterId: bigint): Promise<readonly string[]> {
    const seeds = this.#target.seeds()
    const current = new Set(this.#target.channel.endpoints())
    const secure = seeds.some((each) => each.startsWith('https:'))
    // Plain connections must not be added to a client that is configured for TLS.
    const candidates = [...urls].filter(
      (url) => !(seeds.includes(url) || (secure && url.startsWith('http:'))),
    )
    const reached = await Promise.all(
      candidates.map(async (url) => current.has(url) || (await this.#isReachable(url, clusterId))),
    )
    return candidates.filter((_, index) => reached[index])
  }

  /**
   * True if this URL is reachable and answers for the same cluster. It is asked for an empty transaction, which every
   * user may execute: etcd 3.5 with auth tells its status to root only.
   */
  async #isReachable(url: string, clusterId: bigint): Promise<boolean> {
    const { channel, probeTimeoutMs } = this.#target
    try {
      const options = { endpoint: url, timeoutMs: probeTimeoutMs, retry: 'read' } as const
      const { header } = await channel.unary(KV.txn, {}, options)
      return header?.clusterId === clusterId
    } catch (error) {
      if (error instanceof EtcdError && error.code === 'closed') throw error
      return false
    }
  }
}

function urlOf(text: string): string | undefined {
  try {
    return parseEndpoint(text, false)
  } catch {
    return undefined
  }
}
