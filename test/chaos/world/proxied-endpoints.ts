import { startProxy, type TcpProxy } from '../../support/start-proxy.ts'

/** A way from some clients to the members: one proxy for each. Clients on another route do not notice its faults. */
export interface ProxyRoute extends AsyncDisposable {
  /** In the order of the members. */
  readonly proxies: readonly TcpProxy[]
  readonly endpoints: readonly string[]
  /** Connections accepted since the start. */
  readonly accepted: number
  /** Resets all connections. */
  cutAll(): void
  /** Resets all connections and refuses new ones. */
  leave(): Promise<void>
  /** Ends all faults. */
  heal(): Promise<void>
}

/** Starts a route to the members at these URLs. */
export const openRoute = async (members: readonly string[]): Promise<ProxyRoute> => {
  const proxies = await Promise.all(members.map((target) => startProxy({ target })))
  const cutAll = () => {
    for (const proxy of proxies) proxy.cutAll()
  }
  return {
    proxies,
    endpoints: proxies.map(({ endpoint }) => endpoint),
    get accepted() {
      return proxies.reduce((sum, proxy) => sum + proxy.accepted, 0)
    },
    cutAll,
    async leave() {
      await Promise.all(proxies.map((proxy) => proxy.refuse()))
      cutAll()
    },
    async heal() {
      for (const proxy of proxies) proxy.heal()
      await Promise.all(proxies.map((proxy) => proxy.accept()))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(proxies.map((proxy) => proxy.close()))
    },
  }
}
