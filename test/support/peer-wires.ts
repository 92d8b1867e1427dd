import type { NetworkHost } from './network-hosts.ts'
import { startProxy } from './start-proxy.ts'

/** What carries the traffic between the members of a cluster, and can take one of them off. */
export interface PeerWires extends AsyncDisposable {
  /** What each member is told to dial for the others, in the order of the members. */
  readonly urls: readonly string[]
  /** Cuts off the member at this place, of this id. */
  isolate(index: number, memberId: string): void
  /** Ends every isolation. */
  rejoin(): void
}

/** Members on loopback dial each other through proxies, and say who they are in every request. Clients go other ways. */
export async function proxyWires(peerPorts: readonly number[]): Promise<PeerWires> {
  const cutOff = new Set<string>()
  const admit = (bytes: Buffer) => {
    if (cutOff.size === 0) return true
    const sender = /^x-server-from: ([0-9a-f]+)/im.exec(bytes.toString('latin1', 0, 2048))?.[1]
    return sender === undefined || !cutOff.has(sender)
  }
  const proxies = await Promise.all(
    peerPorts.map((port) => startProxy({ target: `http://127.0.0.1:${port}`, admit })),
  )
  // Who is cut off shows when a connection says whose it is, so all are made to say it again.
  const cutAll = () => {
    for (const proxy of proxies) proxy.cutAll()
  }
  return {
    urls: proxies.map(({ endpoint }) => endpoint),
    isolate(index, memberId) {
      cutOff.add(memberId)
      proxies[index]?.stall()
      cutAll()
    },
    rejoin() {
      cutOff.clear()
      for (const proxy of proxies) proxy.heal()
      cutAll()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(proxies.map((proxy) => proxy.close()))
    },
  }
}

/** Members on hosts of their own have one cable each: who is cut off is out of reach for clients too. */
export function hostWires(hosts: readonly NetworkHost[], peerPorts: readonly number[]): PeerWires {
  return {
    urls: hosts.map(({ address }, index) => `http://${address}:${peerPorts[index]}`),
    isolate: (index) => hosts[index]?.cut(),
    rejoin() {
      for (const host of hosts) host.plug()
    },
    async [Symbol.asyncDispose]() {},
  }
}
