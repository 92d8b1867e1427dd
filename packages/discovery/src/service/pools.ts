import type { Clock } from '@livetree/etcd'
import { type Dispatcher, Pool } from 'undici'
import { refuse } from '../check-options.ts'
import type { Policy } from '../balance/policy.ts'
import type { Protocol } from '../record/endpoint-record.ts'
import type { Reports } from '../reports.ts'
import type { Member } from '../view/member.ts'
import { pause } from '../wait.ts'
import { WarmConnections, WarmPool } from './warm-connections.ts'

/** TLS settings for endpoints with `https`. */
export interface TlsSettings {
  /** PEM of the certificate authorities. Default: Node's. */
  readonly ca?: string | Buffer
  /** PEM of a client certificate and its key. */
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  /** The name that certificates must have. Default: the name of the service. */
  readonly serverName?: string
}

/** What a pool is made for. */
export interface PoolRequest {
  readonly service: string
  /** Such as `http://10.0.0.1:8080`. */
  readonly origin: string
  readonly protocol: Protocol
  /** The options of undici's `Pool` that the policy asks for. */
  readonly options: Pool.Options
}

/** Makes the pool of an endpoint: what it throws fails the attempt. */
export type CreatePool = (request: PoolRequest) => Dispatcher

/** What `EndpointPools` needs. */
export interface EndpointPoolsOptions {
  readonly service: string
  readonly createPool: CreatePool | undefined
  readonly tls: TlsSettings | undefined
  readonly clock: Clock
  readonly reports: Reports
}

/** A pool and what its requests need. */
export interface OpenPool {
  readonly address: string
  readonly origin: string
  readonly protocol: Protocol
  readonly pool: Dispatcher
  /** The name that the certificate must have; undefined without TLS. */
  readonly serverName: string | undefined
  readonly drainMs: number
}

/** How many requests an endpoint's connections carry at the same time. */
export function roomOf(protocol: Protocol, { connections }: Policy): number {
  return isOneConnection(protocol) ? MOST_STREAMS : connections
}

/** HTTP/2 without TLS, whose one connection carries many requests. */
function isOneConnection(protocol: Protocol): boolean {
  return protocol === 'h2c' || protocol === 'grpc'
}

/** One pool of connections for each endpoint, made with its first request and closed after its last one. */
export class EndpointPools {
  readonly #options: EndpointPoolsOptions
  readonly #open = new Map<Member, OpenPool>()
  readonly #retiring = new Set<Promise<void>>()

  constructor(options: EndpointPoolsOptions) {
    this.#options = options
  }

  /**
   * The pool of a member and the origin of its requests.
   *
   * @throws whatever `createPool` throws, DiscoveryError `invalid_option` if it returns no dispatcher
   */
  get(member: Member, protocol: Protocol, policy: Policy): OpenPool {
    const known = this.#open.get(member)
    const { address } = member
    if (known?.address === address && known.protocol === protocol) return known
    if (known !== undefined) this.retire(member)
    const origin = `${protocol === 'https' ? 'https' : 'http'}://${address}`
    const { createPool = defaultPool(policy.warmConnections), service } = this.#options
    const options = this.#poolOptions(protocol, policy)
    const pool: Partial<Dispatcher> | undefined = createPool({ service, origin, protocol, options })
    if (typeof pool?.dispatch !== 'function')
      throw refuse('createDiscovery', `createPool has returned no undici dispatcher for ${origin}`)
    const serverName = protocol === 'https' ? this.#serverName : undefined
    const { drainMs } = policy
    const open = { address, origin, protocol, pool: pool as Dispatcher, serverName, drainMs }
    this.#open.set(member, open)
    return open
  }

  /**
   * Closes the pool of a member that is no longer chosen. Its running and queued requests end; what is left after `drainMs`
   * is cut off.
   */
  retire(member: Member): void {
    const open = this.#open.get(member)
    if (open === undefined) return
    this.#open.delete(member)
    const retiring = this.#end(open).finally(() => this.#retiring.delete(retiring))
    this.#retiring.add(retiring)
  }

  /** Retires every pool; resolves when all are closed. */
  async close(): Promise<void> {
    for (const member of [...this.#open.keys()]) this.retire(member)
    await Promise.all(this.#retiring)
  }

  /** A pool may be anybody's: what it throws, and what it never answers, does not hold up the end. */
  async #end({ pool, origin, drainMs }: OpenPool): Promise<void> {
    const { clock, reports } = this.#options
    const closed = new AbortController()
    void quietly(() => pool.close()).then(() => closed.abort())
    await pause(clock, drainMs, closed.signal)
    if (closed.signal.aborted) return
    reports.warn(`Requests to ${origin}, which was removed, ran longer than ${drainMs} ms and were cut off`)
    void quietly(() => pool.destroy())
    await pause(clock, DESTROY_MS, closed.signal)
  }

  get #serverName(): string {
    return this.#options.tls?.serverName ?? this.#options.service
  }

  #poolOptions(protocol: Protocol, policy: Policy): Pool.Options {
    const { ca, cert, key } = this.#options.tls ?? {}
    const given = {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    }
    const secure = protocol === 'https' ? { servername: this.#serverName, ...given } : {}
    const isH2c = isOneConnection(protocol)
    return {
      connections: isH2c ? 1 : policy.connections,
      pipelining: isH2c ? MOST_STREAMS : 1,
      allowH2: isH2c,
      // `Pool` reads it here only, where its types do not have it; `h2Options` reaches its clients, not its connector.
      ...(isH2c ? { useH2c: true } : {}),
      keepAliveTimeout: policy.keepAliveTimeoutMs,
      keepAliveMaxTimeout: policy.keepAliveMaxTimeoutMs,
      connect: { timeout: policy.connectTimeoutMs, ...secure },
    }
  }
}

/** How long a pool may take to destroy itself, in milliseconds. */
const DESTROY_MS = 1_000

/** Does some work. Resolves when it has ended, however. */
async function quietly(work: () => unknown): Promise<void> {
  try {
    await work()
  } catch {
    // It was closed or destroyed by somebody else.
  }
}

/** Streams of one HTTP/2 connection. */
const MOST_STREAMS = 100

function defaultPool(warmConnections: number): CreatePool {
  return ({ origin, options }) => {
    if (warmConnections === 0 || options.allowH2 === true) return new Pool(origin, options)
    const { connections = 1, connect, keepAliveMaxTimeout = 0 } = options
    const warm = new WarmConnections(typeof connect === 'object' ? connect : {}, {
      origin,
      count: Math.min(warmConnections, connections ?? 1),
      keepMs: keepAliveMaxTimeout,
    })
    return new WarmPool(origin, { ...options, connect: warm.connector }, warm)
  }
}
