import dns from 'node:dns'
import type { LookupAddress, LookupOptions } from 'node:dns'
import { startProxy, type TcpProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import type { Scenario } from './scenario.ts'

const domain = 'members.chaos.test'

/** What the name service of this process says of names of ours. */
const addresses = new Map<string, string>()

const nameOf = (port: string, route: number) => `m${port}-${route}.${domain}`

/** The members are known by names, and the names move to other addresses. */
export const namesMove: Scenario = {
  name: 'names-move',
  about:
    'consumers know members by name; the addresses behind the names change, and the old ones stop responding',
  settings: {
    nameEndpoints: (route, endpoints) =>
      endpoints.map((endpoint) => {
        const { port } = new URL(endpoint)
        const name = nameOf(port, route)
        addresses.set(name, '127.0.0.1')
        answerForOurNames()
        return `http://${name}:${port}`
      }),
  },
  async run({ members, routes, writers, last, scaled }, random) {
    await using moved = new AsyncDisposableStack()
    // back again at the end, in any case: what is left at the old addresses works as before
    moved.defer(() => {
      for (const name of addresses.keys()) addresses.set(name, '127.0.0.1')
    })
    const newAddresses: TcpProxy[] = []
    for (const [route, { proxies }] of routes.entries()) {
      for (const [index, proxy] of proxies.entries()) {
        if (route === 1 && index > 0) continue
        // the same port at another address, as after a member has moved to another machine
        const there = await startProxy({
          target: members[index]!.endpoint,
          host: '127.0.0.2',
          port: proxy.port,
        })
        newAddresses.push(moved.use(there))
        addresses.set(nameOf(`${proxy.port}`, route), '127.0.0.2')
        await proxy.refuse()
        if (random.chance(0.5)) proxy.cutAll()
        else proxy.stall()
        await last(200, scaled(1_000, 4_000))
        await writers.written(random.between(5, 30))
        if (route === 0 && index === proxies.length - 1) {
          // which of them the consumers choose is up to them: who has found one needs no other
          await waitFor(() => newAddresses.some(({ accepted }) => accepted > 0), {
            timeoutMs: 30_000,
            what: 'a consumer at a new address',
          })
        }
      }
    }
    for (const route of routes) await route.heal()
  },
}

const { lookup } = dns

type Told = (error: Error | null, address: string | LookupAddress[], family?: number) => void
type Lookup = (name: string, options: LookupOptions, told: Told) => void

/**
 * Puts itself in front of the resolver that every connection of Node asks; other names go on to the real one.
 */
const answerForOurNames = (): void => {
  if (dns.lookup !== lookup) return
  const answer: Lookup = (name, options, told) => {
    const address = addresses.get(name)
    if (address === undefined) return (lookup as Lookup)(name, options, told)
    // as a resolver does: not before the caller is done
    process.nextTick(() => (options.all ? told(null, [{ address, family: 4 }]) : told(null, address, 4)))
  }
  dns.lookup = answer as typeof dns.lookup
}
