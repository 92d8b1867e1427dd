import { createSocket } from 'node:dgram'
import { isIP, isIPv6 } from 'node:net'
import { DiscoveryError, reasonOf } from '../errors.ts'
import {
  canonicalHost,
  isLoopback,
  isUnspecified,
  readAddress,
  UNSPECIFIED,
} from '../record/endpoint-address.ts'

/** Where others reach an instance. */
export interface Advertise {
  /** An address or a host name. Default: see `advertisedAddress`. */
  readonly host?: string
  /** Default: the port that the server has bound. Give it where a container publishes another one. */
  readonly port?: number
}

/** What the server has bound. */
export interface BoundAddress {
  readonly address: string
  readonly port: number
}

/** What `advertisedAddress` decides from. */
export interface AddressQuestion {
  readonly advertise: Advertise | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly bound: BoundAddress | undefined
  /** URLs of etcd. */
  readonly etcdEndpoints: readonly string[]
}

/**
 * The address to register: `advertise`, else LIVETREE_ADVERTISE, else POD_IP, else the address the server is bound to if
 * that is a single one, else the local address of the route towards etcd.
 *
 * @throws DiscoveryError `unreachable_address`, also for the unspecified address, and for loopback unless etcd itself is on
 * loopback. Hosts are judged as URLs understand them.
 */
export async function advertisedAddress(question: AddressQuestion): Promise<string> {
  const { advertise, bound, env, etcdEndpoints } = question
  const fromEnv = advertise?.host === undefined ? parseAdvertised(env.LIVETREE_ADVERTISE) : undefined
  const port = advertise?.port ?? fromEnv?.port ?? bound?.port
  if (port === undefined) {
    throw unreachable('neither a server nor advertise.port is given, so there is no port to register')
  }
  const given = advertise?.host ?? fromEnv?.host ?? some(env.POD_IP) ?? boundHost(bound)
  const asGiven = given ?? (await routeTowards(etcdEndpoints))
  const host = canonicalHost(asGiven) ?? asGiven
  if (isUnspecified(host)) throw unreachable(`${asGiven} ${UNSPECIFIED}. Give an address of this host`)
  if (isLoopback(host) && !etcdEndpoints.some(isOnThisHost))
    throw unreachable(`${asGiven} is a loopback address, and etcd is on another host`)
  const isOnlyV4 = boundTo(bound) === '0.0.0.0' && given === undefined && isIPv6(host)
  if (isOnlyV4)
    throw unreachable(`the server is bound to IPv4 only, and the route towards etcd is IPv6 (${host})`)
  const read = readAddress(`${isIPv6(host) ? `[${host}]` : host}:${port}`)
  if (read.type === 'address') return read.address
  throw unreachable(`${JSON.stringify(`${asGiven}:${port}`.slice(0, 100))} ${read.problem}`)
}

/** `host`, `host:port` or `[v6]:port`. */
function parseAdvertised(text: string | undefined): Advertise | undefined {
  if (some(text) === undefined || text === undefined) return undefined
  if (isIP(text) !== 0) return { host: text }
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? []
  const bare = /^\[(.+)\]$/.exec(host)?.[1] ?? host
  return { host: bare, ...(port === undefined ? {} : { port: Number(port) }) }
}

function some(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text
}

/** A server on one address can only be reached there. */
function boundHost(bound: BoundAddress | undefined): string | undefined {
  const host = boundTo(bound)
  return host === '' || host === undefined || isUnspecified(host) ? undefined : bound?.address
}

function boundTo(bound: BoundAddress | undefined): string | undefined {
  return bound === undefined ? undefined : (canonicalHost(bound.address) ?? bound.address)
}

function hostOf(endpoint: string): string {
  return URL.canParse(endpoint) ? new URL(endpoint).hostname.replace(/^\[|\]$/g, '') : endpoint
}

/** A client that dials the unspecified address reaches its own host. */
function isOnThisHost(endpoint: string): boolean {
  const host = canonicalHost(hostOf(endpoint)) ?? ''
  return isLoopback(host) || isUnspecified(host)
}

/** The local address that the system uses towards one of the endpoints. No packet is sent. */
async function routeTowards(endpoints: readonly string[]): Promise<string> {
  let last: unknown = new Error('the client has no endpoints')
  for (const endpoint of endpoints) {
    try {
      return await localAddressTowards(endpoint)
    } catch (error) {
      last = error
    }
  }
  throw new DiscoveryError(
    'unreachable_address',
    `no route towards etcd tells the own address: ${reasonOf(last)}`,
    {
      cause: last,
    },
  )
}

function localAddressTowards(endpoint: string): Promise<string> {
  const host = hostOf(endpoint)
  const port = Number(new URL(endpoint).port) || 2379
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    const fail = (error: Error) => {
      socket.close()
      reject(error)
    }
    socket.once('error', fail)
    socket.connect(port, host, (error?: Error) => {
      if (error !== undefined && error !== null) return fail(error)
      const { address } = socket.address()
      socket.close()
      resolve(address)
    })
  })
}

function unreachable(what: string): DiscoveryError {
  return new DiscoveryError('unreachable_address', what)
}
