import type { LeaseInfo, GrantOptions, LeaseService, Lease } from './lease-contract.ts'
import { CallDeadline, DEFAULT_CALL_MS } from '../call-deadline.ts'
import {
  ANYTHING,
  CALL_CHECKS,
  checkArgument,
  FLAG,
  LEASE_ID,
  type OptionChecks,
  readOptions,
  whole,
} from '../check-argument.ts'
import { type Clock, momentOf, systemClock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { Namespace } from '../key-range.ts'
import { type Logger, silentLogger } from '../logger.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { Lease as LeaseRpc } from '../wire/rpc.ts'
import { type Renewed, renewOnce } from './renew-once.ts'
import { pinned } from '../kv/range-query.ts'
import { type Granted, grantOwn, randomLeaseId } from './grant-own.ts'
import { KeepAlive } from './keep-alive.ts'
import { LeaseCore, type LeasePorts, revoked } from './lease.ts'
import { revokeLease } from './revoke-lease.ts'

/** Settings of `createLeaseService` besides the channel. */
export interface LeaseServiceOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Default: silent. */
  readonly logger?: Logger
  /** The client's namespace, for the keys of a lease. Default: none. */
  readonly namespace?: Namespace
  /** Time limit of calls without a `timeoutMs`, in milliseconds. Default 10,000. */
  readonly callTimeoutMs?: number
}

/** Creates the lease service of a client. It makes no I/O before the first call. */
export function createLeaseService(channel: Channel, options: LeaseServiceOptions = {}): LeaseService {
  return new ChannelLeases(channel, options)
}

const GRANT_CHECKS: OptionChecks<GrantOptions> = { ...CALL_CHECKS, ttlSeconds: ANYTHING, id: ANYTHING }
const TIME_TO_LIVE_CHECKS: OptionChecks<CallOptions & { readonly keys?: boolean }> = {
  ...CALL_CHECKS,
  keys: FLAG,
}

class ChannelLeases implements LeaseService {
  readonly #channel: Channel
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #namespace: Namespace
  readonly #callTimeoutMs: number
  readonly #keepAlive: KeepAlive
  readonly #ports: LeasePorts
  readonly #leases = new Set<LeaseCore>()
  readonly #closing = new AbortController()

  constructor(channel: Channel, options: LeaseServiceOptions) {
    const { clock = systemClock, logger = silentLogger, namespace = new Namespace() } = options
    this.#channel = channel
    this.#clock = clock
    this.#logger = logger
    this.#namespace = namespace
    this.#callTimeoutMs = options.callTimeoutMs ?? DEFAULT_CALL_MS
    this.#keepAlive = new KeepAlive({ channel, clock, logger })
    this.#ports = {
      clock,
      service: this,
      keep: (lease) => this.#keepAlive.keep(lease),
      drop: (lease) => this.#keepAlive.drop(lease),
      forget: (lease) => this.#leases.delete(lease),
    }
  }

  async grant(options: GrantOptions): Promise<Lease> {
    const call = 'Lease/LeaseGrant'
    const { ttlSeconds, id, ...given } = readOptions(call, GRANT_CHECKS, options)
    checkArgument(call, 'ttlSeconds', whole(1), ttlSeconds)
    if (id === undefined) {
      const deadline = this.#deadline(call, given)
      const ports = { channel: this.#channel, clock: this.#clock }
      return this.#count(randomLeaseId(), (own) => grantOwn(ports, deadline, own, ttlSeconds, given))
    }
    checkArgument(call, 'the lease id', LEASE_ID, id)
    return this.#count(id, () => this.#grantOnce(id, ttlSeconds, given))
  }

  async adopt(id: bigint, options?: CallOptions): Promise<Lease> {
    // The remaining time is unknown until the lease is renewed, which restores its full TTL.
    return this.#count(id, async () => {
      const { ttl, sentAt } = await this.#renewOnce(id, options)
      return { ttlSeconds: ttl, sentAt, clusterId: options?.clusterId ?? this.#channel.clusterId }
    })
  }

  async keepAliveOnce(id: bigint, options?: CallOptions): Promise<number> {
    return (await this.#renewOnce(id, options)).ttl
  }

  async #renewOnce(id: bigint, options: CallOptions | undefined): Promise<Renewed> {
    const call = 'Lease/LeaseKeepAlive'
    const given = readOptions(call, CALL_CHECKS, options)
    checkArgument(call, 'the lease id', LEASE_ID, id)
    const [channel, clock, logger] = [this.#channel, this.#clock, this.#logger]
    const ports = { channel, clock, logger, closing: this.#closing.signal }
    const renewed = await renewOnce(ports, id, this.#deadline(call, given), given)
    if (renewed.ttl > 0) return renewed
    throw new EtcdError('lease_not_found', { call, what: `there is no lease ${id}` })
  }

  async revoke(id: bigint, options?: CallOptions): Promise<void> {
    const call = 'Lease/LeaseRevoke'
    const given = readOptions(call, CALL_CHECKS, options)
    checkArgument(call, 'the lease id', LEASE_ID, id)
    // Owners are notified before the lease is revoked, so that they stop relying on it first.
    for (const lease of [...this.#leases]) if (lease.id === id) lease.lose(revoked(id))
    const ports = { channel: this.#channel, deadline: this.#deadline(call, given) }
    await revokeLease(ports, id, { ...given, ...pinned(given.clusterId ?? this.#channel.clusterId) })
  }

  async timeToLive(
    id: bigint,
    options?: CallOptions & { readonly keys?: boolean },
  ): Promise<LeaseInfo | undefined> {
    const call = 'Lease/LeaseTimeToLive'
    const { keys = false, ...given } = readOptions(call, TIME_TO_LIVE_CHECKS, options)
    checkArgument(call, 'the lease id', LEASE_ID, id)
    const response = await this.#channel.unary(LeaseRpc.timeToLive, { id, keys }, { ...given, retry: 'read' })
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

  async list(options?: CallOptions): Promise<readonly bigint[]> {
    const given = readOptions('Lease/LeaseLeases', CALL_CHECKS, options)
    const { leases } = await this.#channel.unary(LeaseRpc.leases, {}, { ...given, retry: 'read' })
    return leases.map(({ id }) => id)
  }

  close(): void {
    this.#closing.abort()
    this.#keepAlive.close()
    for (const lease of [...this.#leases]) lease.lose(new EtcdError('closed'))
  }

  #deadline(call: string, { timeoutMs = this.#callTimeoutMs }: CallOptions): CallDeadline {
    return new CallDeadline(this.#clock, call, timeoutMs)
  }

  /** Creates the lease object for a granted lease, with its time counted from when the request was sent. */
  async #count(id: bigint, ask: (id: bigint) => Promise<Granted>): Promise<Lease> {
    if (this.#closing.signal.aborted) throw new EtcdError('closed', { call: 'Lease/LeaseGrant' })
    const { ttlSeconds, clusterId, sentAt } = await ask(id)
    const lease = new LeaseCore(id, this.#ports, clusterId)
    this.#leases.add(lease)
    lease.renew(sentAt, ttlSeconds)
    if (this.#closing.signal.aborted) lease.lose(new EtcdError('closed'))
    return lease
  }

  async #grantOnce(id: bigint, ttl: number, options: CallOptions): Promise<Granted> {
    let sentAt = momentOf(this.#clock)
    const onSent = (): void => {
      sentAt = momentOf(this.#clock)
    }
    const sending = { ...options, retry: 'write', onSent } as const
    const answer = await this.#channel.unary(LeaseRpc.grant, { id, ttl }, sending)
    return { ttlSeconds: answer.ttl, clusterId: answer.header?.clusterId, sentAt }
  }
}
