import { createSocket } from 'node:dgram'
import { BlockList, isIP, isIPv6 } from 'node:net'
import { DiscoveryError, reasonOf } from '../errors.ts'
import { isAddress } from '../record/endpoint-record.ts'

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

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')
LOOPBACK.addSubnet('::ffff:127.0.0.0', 104, 'ipv6')

/**
 * The address to register: `advertise`, else LIVETREE_ADVERTISE, else POD_IP, else the address the server is bound to if
 * that is a single one, else the local address of the route towards etcd.
 *
 * @throws DiscoveryError `unreachable_address`, also for loopback unless etcd itself is on loopback
 */
export async function advertisedAddress(question: AddressQuestion): Promise<string> {
  const { advertise, bound, env, etcdEndpoints } = question
  const fromEnv = advertise?.host === undefined ? parseAdvertised(env.LIVETREE_ADVERTISE) : undefined
  const port = advertise?.port ?? fromEnv?.port ?? bound?.port
  if (port === undefined) {
    throw unreachable('neither a server nor advertise.port is given, so there is no port to register')
  }
  const given = advertise?.host ?? fromEnv?.host ?? some(env.POD_IP) ?? boundHost(bound)
  const host = given ?? (await routeTowards(etcdEndpoints))
  if (isLoopback(host) && !etcdEndpoints.some((endpoint) => isLoopback(hostOf(endpoint)))) {
    throw unreachable(`${host} is a loopback address, and etcd is on another host`)
  }
  const isOnlyV4 = bound?.address === '0.0.0.0' && given === undefined && isIPv6(host)
  if (isOnlyV4)
    throw unreachable(`the server is bound to IPv4 only, and the route towards etcd is IPv6 (${host})`)
  const address: string = `${isIPv6(host) ? `[${host}]` : host}:${port}`
  if (isAddress(address)) return address
  throw unreachable(`${JSON.stringify(`${host}:${port}`.slice(0, 100))} is not host:port`)
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
  const isAny = bound === undefined || ['0.0.0.0', '::', ''].includes(bound.address)
  return isAny ? undefined : bound.address
}

function hostOf(endpoint: string): string {
  return URL.canParse(endpoint) ? new URL(endpoint).hostname.replace(/^\[|\]$/g, '') : endpoint
}

function isLoopback(host: string): boolean {
  const family = isIP(host)
  if (family === 0) return host === 'localhost' || host.endsWith('.localhost')
  return LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4')
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
