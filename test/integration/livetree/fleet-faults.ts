import type { EtcdClient } from '@livetree/etcd'
import type { Random } from '../../chaos/world/random.ts'
import type { TcpProxy } from '../../support/start-proxy.ts'
import type { RandomWriter } from './random-writer.ts'

/** What faults may be made in. */
export interface FaultyStore {
  /** The proxies that the readers go through. */
  readonly proxies: readonly TcpProxy[]
  readonly root: EtcdClient
  readonly writer: RandomWriter
  /** Takes a member away for a moment. */
  loseMember?(random: Random): Promise<void>
}

/** Random faults: cut and slow connections, compactions, lost members. */
export class FleetFaults {
  readonly #store: FaultyStore
  readonly #random: Random
  #losing: Promise<void> | undefined
  /** How many were made of each kind. */
  readonly counts = { cuts: 0, delays: 0, compactions: 0, losses: 0 }

  constructor(store: FaultyStore, random: Random) {
    this.#store = store
    this.#random = random
  }

  /** Makes one, or heals the connections. */
  async next(): Promise<void> {
    const random = this.#random
    const kind = random.between(0, 9)
    const proxy = random.pick(this.#store.proxies)
    if (kind < 3) {
      proxy.cutAll()
      this.counts.cuts++
    } else if (kind < 5) {
      proxy.delay(random.between(0, 5), random.pick(['toClient', 'toServer']))
      this.counts.delays++
    } else if (kind < 6) await this.#compact()
    else if (kind < 7) this.#loseMember()
    else proxy.heal()
  }

  /** Heals the connections, and resolves when no member is away. */
  async heal(): Promise<void> {
    await this.#losing
    for (const proxy of this.#store.proxies) proxy.heal()
  }

  async #compact(): Promise<void> {
    const { root, writer } = this.#store
    const revision = Math.max(1, writer.revision - this.#random.between(0, 30))
    // Refused where an earlier one was at a later revision, and unanswered by a member that is away.
    const isDone = await root.kv.compact(revision).then(
      () => true,
      () => false,
    )
    this.counts.compactions += Number(isDone)
  }

  #loseMember(): void {
    const lost = this.#losing === undefined ? this.#store.loseMember?.(this.#random) : undefined
    if (lost === undefined) return
    this.counts.losses++
    this.#losing = lost.finally(() => (this.#losing = undefined))
  }
}
