import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { Namespace } from '../key-range.ts'
import { type Logger, silentLogger } from '../logger.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { Lease as LeaseRpc } from '../wire/rpc.ts'
import { beatOnce } from './beat-once.ts'
import { KeepAlive } from './keep-alive.ts'
import { type Lease, LeaseCore, type LeasePorts } from './lease.ts'

/** A lease as the server sees it. */
export interface LeaseInfo {
  readonly id: bigint
  /** Seconds left. */
  readonly ttlSeconds: number
  readonly grantedTtlSeconds: number
  /** The keys on it, without the client's namespace; empty unless asked for. Keys outside the namespace are left out. */
  readonly keys: readonly Buffer[]
}

/** How to grant a lease. */
export interface GrantOptions extends CallOptions {
  /** Seconds until it ends unless renewed, from 1 on. etcd gives at least about 2. */
  readonly ttlSeconds: number
  /** Its id, positive. Default: a random one, which makes granting safe to repeat. */
  readonly id?: bigint
}

/** What `createLeaseService` takes besides the channel. */
export interface LeaseServiceOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Default: silent. */
  readonly logger?: Logger
  /** The client's; for the keys of a lease. Default: none. */
  readonly namespace?: Namespace
  /** For calls made of several requests and without a `timeoutMs`. Default 10,000. */
  readonly callTimeoutMs?: number
}

/** Leases: keys that hang on one go away together, when it is not renewed in time or is revoked. */
export interface LeaseService {
  /**
   * Grants a lease. It is not renewed before `keepAlive()`.
   * Throws `invalid_argument`, `lease_exists` (an id of one's own), `no_space`, `outcome_unknown` (an id of one's own).
   */
  grant(options: GrantOptions): Promise<Lease>
  /** Takes on a lease that is there already. Throws `lease_not_found`. */
  adopt(id: bigint, options?: CallOptions): Promise<Lease>
  /** Renews a lease once; gives its new time in seconds. Throws `lease_not_found`. */
  keepAliveOnce(id: bigint, options?: CallOptions): Promise<number>
  /** Ends a lease and deletes its keys. Gone already is fine. */
  revoke(id: bigint, options?: CallOptions): Promise<void>
  /** `undefined` when there is no such lease. `keys: true` lists the keys on it. */
  timeToLive(id: bigint, options?: CallOptions & { readonly keys?: boolean }): Promise<LeaseInfo | undefined>
  /** The ids of all leases. */
  list(options?: CallOptions): Promise<readonly bigint[]>
  /** Renews nothing any more; every `lost` fires with `closed`. The leases run out by themselves. Safe to call twice. */
  close(): void
}

/** Makes the lease service of a client. No I/O before the first call. */
export const createLeaseService = (channel: Channel, options: LeaseServiceOptions = {}): LeaseService =>
  new ChannelLeases(channel, options)

/** A random positive lease id: asking twice for it cannot make two leases. */
export const randomLeaseId = (): bigint => BigInt.asUintN(63, randomBytes(8).readBigUInt64BE()) || 1n

const isCode = (error: unknown, code: EtcdError['code']): boolean =>
  error instanceof EtcdError && error.code === code

class ChannelLeases implements LeaseService {
  readonly #channel: Channel
  readonly #clock: Clock
  readonly #namespace: Namespace
  readonly #keepAlive: KeepAlive
  readonly #ports: LeasePorts
  readonly #leases = new Set<LeaseCore>()
  #isClosed = false

  constructor(channel: Channel, options: LeaseServiceOptions) {
    const { clock = systemClock, logger = silentLogger, namespace = new Namespace() } = options
    this.#channel = channel
    this.#clock = clock
    this.#namespace = namespace
    this.#keepAlive = new KeepAlive({ channel, clock, logger })
    this.#ports = {
      clock,
      service: this,
      keep: (lease) => this.#keepAlive.keep(lease),
      drop: (lease) => this.#keepAlive.drop(lease),
      forget: (lease) => this.#leases.delete(lease),
    }
  }

  async grant({ ttlSeconds, id, ...options }: GrantOptions): Promise<Lease> {
    if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < 1) {
      throw invalid(`ttlSeconds is ${ttlSeconds}, not a whole number from 1 on`)
    }
    if (id !== undefined && id <= 0n) throw invalid(`the lease id is ${id}, not a positive number`)
    return this.#count(id ?? randomLeaseId(), ttlSeconds, (leaseId) =>
      id === undefined
        ? this.#grantOurs(leaseId, ttlSeconds, options)
        : this.#grantOnce(leaseId, ttlSeconds, options),
    )
  }

  adopt(id: bigint, options: CallOptions = {}): Promise<Lease> {
    // The time left is unknown until the lease is renewed, which gives it all of its time.
    return this.#count(id, 0, () => this.keepAliveOnce(id, options))
  }

  async keepAliveOnce(id: bigint, options: CallOptions = {}): Promise<number> {
    const ttl = await beatOnce(this.#channel, this.#clock, id, options)
    if (ttl > 0) return ttl
    throw new EtcdError('lease_not_found', { call: 'Lease/LeaseKeepAlive', what: `there is no lease ${id}` })
  }

  async revoke(id: bigint, options: CallOptions = {}): Promise<void> {
    try {
      await this.#channel.unary(LeaseRpc.revoke, { id }, { ...options, retry: 'read' })
    } catch (error) {
      if (!isCode(error, 'lease_not_found')) throw error
    }
  }

  async timeToLive(
    id: bigint,
    { keys = false, ...options }: CallOptions & { readonly keys?: boolean } = {},
  ): Promise<LeaseInfo | undefined> {
    const call = { ...options, retry: 'read' } as const
    const response = await this.#channel.unary(LeaseRpc.timeToLive, { id, keys }, call)
    if (response.ttl < 0) return undefined
    const { prefix } = this.#namespace
    const ours = response.keys.filter((key) => key.subarray(0, prefix.length).equals(prefix))
    return {
      id,
      ttlSeconds: response.ttl,
      grantedTtlSeconds: response.grantedTtl,
      keys: ours.map((key) => this.#namespace.strip(key)),
    }
  }

  async list(options: CallOptions = {}): Promise<readonly bigint[]> {
    const { leases } = await this.#channel.unary(LeaseRpc.leases, {}, { ...options, retry: 'read' })
    return leases.map(({ id }) => id)
  }

  close(): void {
    this.#isClosed = true
    this.#keepAlive.close()
    for (const lease of [...this.#leases]) lease.lose(new EtcdError('closed'))
  }

  /** Counts from before the request is sent, and makes the lease of what the server granted. */
  async #count(id: bigint, ttlSeconds: number, ask: (id: bigint) => Promise<number>): Promise<Lease> {
    if (this.#isClosed) throw new EtcdError('closed')
    const lease = new LeaseCore(id, this.#ports)
    const asked = lease.ask(ttlSeconds)
    try {
      const granted = await ask(id)
      this.#leases.add(lease)
      lease.renew(asked, granted)
    } catch (error) {
      lease.giveUp(asked)
      throw error
    }
    if (this.#isClosed) lease.lose(new EtcdError('closed'))
    return lease
  }

  /** With an id nobody else can have chosen: if it is there, an earlier attempt has made it. */
  async #grantOurs(id: bigint, ttl: number, options: CallOptions): Promise<number> {
    try {
      return (await this.#channel.unary(LeaseRpc.grant, { id, ttl }, { ...options, retry: 'read' })).ttl
    } catch (error) {
      if (!isCode(error, 'lease_exists')) throw error
      const info = await this.timeToLive(id, options)
      if (info !== undefined) return info.grantedTtlSeconds
      throw new EtcdError('lease_not_found', {
        call: 'Lease/LeaseGrant',
        what: `lease ${id} was granted and has run out before the answer came`,
        cause: error,
      })
    }
  }

  async #grantOnce(id: bigint, ttl: number, options: CallOptions): Promise<number> {
    return (await this.#channel.unary(LeaseRpc.grant, { id, ttl }, { ...options, retry: 'write' })).ttl
  }
}

const invalid = (what: string): EtcdError =>
  new EtcdError('invalid_argument', { what, call: 'Lease/LeaseGrant' })
