import type { EtcdUnderTest } from '../../../support/each-etcd.ts'
import type { EtcdServer } from '../../../support/start-etcd.ts'
import { startProxy, type TcpProxy } from '../../../support/start-proxy.ts'

/** The store of a run: a cluster of three where there is one, otherwise one server; and the same behind proxies. */
export interface StoreUnderFire extends AsyncDisposable {
  readonly endpoints: readonly string[]
  readonly proxied: readonly string[]
  /** Kills a member, runs, and starts it again. The only one is started again first. */
  withoutMember(run: () => Promise<void>): Promise<void>
  /** Resets all connections of the proxies. */
  cut(): void
  /** Holds all bytes of the proxies. */
  mute(): void
  /** Ends `mute`. */
  unmute(): void
}

/** Starts the store of a run. */
export async function startStoreUnderFire(etcd: EtcdUnderTest): Promise<StoreUnderFire> {
  const members = etcd.kind === 'embedded' ? [await etcd.start()] : (await etcd.startCluster(3)).members
  const proxies = await Promise.all(members.map(({ endpoint }) => startProxy({ target: endpoint })))
  return new Store(members, proxies)
}

class Store implements StoreUnderFire {
  readonly endpoints: readonly string[]
  readonly proxied: readonly string[]
  readonly #members: readonly EtcdServer[]
  readonly #proxies: readonly TcpProxy[]
  #next = 0

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
