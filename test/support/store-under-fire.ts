import { setTimeout as sleep } from 'node:timers/promises'
import type { EtcdUnderTest } from './each-etcd.ts'
import type { EtcdServer } from './start-etcd.ts'
import { startProxy, type TcpProxy } from './start-proxy.ts'

/** The store of a run: a cluster of three where there is one, otherwise one server; and the same behind proxies. */
export interface StoreUnderFire extends AsyncDisposable {
  readonly endpoints: readonly string[]
  readonly proxied: readonly string[]
  /** Kills a member, runs, and starts it again. The only one is started again first. */
  withoutMember(run: () => Promise<void>): Promise<void>
  /**
   * Throws away what one proxy after the other answers, until it has thrown something away or `mostMs` are over, and resets
   * its connections. Returns whether answers were lost.
   */
  loseReplies(mostMs: number): Promise<boolean>
  /** Resets all connections of the proxies. */
  cut(): void
  /** Holds all bytes of the proxies. */
  mute(): void
  /** Ends `mute`. */
  unmute(): void
}

/**
 * Starts the store of a run.
 *
 * @param size how many members it has (embedded is always one server), and how many proxies lead to them, one after the other
 */
export async function startStoreUnderFire(
  etcd: EtcdUnderTest,
  { members: count = 3, ways = count }: { readonly members?: number; readonly ways?: number } = {},
): Promise<StoreUnderFire> {
  const isAlone = count === 1 || etcd.kind === 'embedded'
  const members = isAlone ? [await etcd.start()] : (await etcd.startCluster(count)).members
  const targets = Array.from({ length: ways }, (_, way) => members[way % members.length]?.endpoint ?? '')
  const proxies = await Promise.all(targets.map((target) => startProxy({ target })))
  return new Store(members, proxies)
}

class Store implements StoreUnderFire {
  readonly endpoints: readonly string[]
  readonly proxied: readonly string[]
  readonly #members: readonly EtcdServer[]
  readonly #proxies: readonly TcpProxy[]
  #next = 0
  #losing = 0

  constructor(members: readonly EtcdServer[], proxies: readonly TcpProxy[]) {
    this.endpoints = members.map(({ endpoint }) => endpoint)
    this.proxied = proxies.map(({ endpoint }) => endpoint)
    this.#members = members
    this.#proxies = proxies
  }

  async withoutMember(run: () => Promise<void>): Promise<void> {
    const member = this.#members[this.#next % this.#members.length]
    this.#next += 1
    await member?.kill()
    const isAlone = this.#members.length === 1
    if (isAlone) await member?.restart()
    await run()
    if (!isAlone) await member?.restart()
  }

  async loseReplies(mostMs: number): Promise<boolean> {
    const proxy = this.#proxies[this.#losing++ % this.#proxies.length]
    if (proxy === undefined) return false
    const before = proxy.droppedBytes
    proxy.dropReplies()
    for (let waited = 0; waited < mostMs && proxy.droppedBytes === before; waited += 10) await sleep(10)
    proxy.heal()
    proxy.cutAll()
    return proxy.droppedBytes > before
  }

  cut(): void {
    for (const proxy of this.#proxies) proxy.cutAll()
  }

  mute(): void {
    for (const proxy of this.#proxies) proxy.stall()
  }

  unmute(): void {
    for (const proxy of this.#proxies) proxy.flow()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.#proxies) await proxy.close()
  }
}
