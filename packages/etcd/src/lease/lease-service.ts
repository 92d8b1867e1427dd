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
import { type Clock, elapsedMs, momentOf, systemClock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { Namespace } from '../key-range.ts'
import { type Logger, silentLogger } from '../logger.ts'
import { outside } from '../outside.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { Lease as LeaseRpc } from '../wire/rpc.ts'
import { type Renewed, renewOnce } from './renew-once.ts'
import { pinned } from '../kv/range-query.ts'
import { type Granted, grantOwn, randomLeaseId } from './grant-own.ts'
import { KeepAlive } from './keep-alive.ts'
import { LeaseCore, type LeasePorts, revoked } from './lease.ts'
import { publishRenewal } from './publish-renewal.ts'
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

const KEEP_ALIVE = 'Lease/LeaseKeepAlive'

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
      keep: (lease) => outside(() => this.#keepAlive.keep(lease)),
      drop: (lease) => this.#keepAlive.drop(lease),
      expired: () => publishRenewal(channel, 'expired'),
      forget: (lease) => this.#leases.delete(lease),
    }
  }

  async grant(options: GrantOptions): Promise<Lease> {
    const call = 'Lease/LeaseGrant'
    const { ttlSeconds, id, ...given } = readOptions(call, GRANT_CHECKS, options)
    checkArgument(call, 'ttlSeconds', whole(1), ttlSeconds)
    if (id !== undefined) checkArgument(call, 'the lease id', LEASE_ID, id)
    if (this.#isClosed) throw new EtcdError('closed', { call })
    const deadline = this.#deadline(call, given)
    const ports = { channel: this.#channel, clock: this.#clock }
    const own = id ?? randomLeaseId()
    const granted = await (id === undefined
      ? grantOwn(ports, deadline, own, ttlSeconds, given)
      : this.#grantOnce(id, ttlSeconds, given))
    try {
      return this.#count(own, await this.#inTime(own, granted, deadline, given))
    } catch (error) {
      // The caller does not get to know the lease, so it would stay on the server for its whole TTL.
      if (deadline.leftMs > 0) await this.#giveBack(own, granted, deadline)
      throw error instanceof EtcdError ? error.with({ fate: 'unknown' }) : error
    }
  }

  async adopt(id: bigint, options?: CallOptions): Promise<Lease> {
    if (this.#isClosed) throw new EtcdError('closed', { call: KEEP_ALIVE })
    // The remaining time is unknown until the lease is renewed, which restores its full TTL.
    const { given, deadline } = this.#readKeepAlive(id, options)
    const { ttl, sentAt } = await this.#renewOnce(id, deadline, given)
    const clusterId = given.clusterId ?? this.#channel.clusterId
    const granted = { ttlSeconds: ttl, sentAt, clusterId }
    return this.#count(id, await this.#inTime(id, granted, deadline, given))
  }

  async keepAliveOnce(id: bigint, options?: CallOptions): Promise<number> {
    const { given, deadline } = this.#readKeepAlive(id, options)
    return (await this.#renewOnce(id, deadline, given)).ttl
  }

  #readKeepAlive(id: bigint, options: CallOptions | undefined) {
    const given = readOptions(KEEP_ALIVE, CALL_CHECKS, options)
    checkArgument(KEEP_ALIVE, 'the lease id', LEASE_ID, id)
    return { given, deadline: this.#deadline(KEEP_ALIVE, given) }
  }

  async #renewOnce(id: bigint, deadline: CallDeadline, given: CallOptions): Promise<Renewed> {
    const [channel, clock, logger] = [this.#channel, this.#clock, this.#logger]
    const ports = { channel, clock, logger, closing: this.#closing.signal }
    const renewed = await renewOnce(ports, id, deadline, given)
    if (renewed.ttl > 0) return renewed
    throw new EtcdError('lease_not_found', { call: KEEP_ALIVE, what: `there is no lease ${id}` })
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

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  /** Renews a lease once whose TTL was over before the answer arrived, because it could not be relied on. */
  async #inTime(id: bigint, granted: Granted, deadline: CallDeadline, given: CallOptions): Promise<Granted> {
    const isOver = ({ sentAt, ttlSeconds }: Granted): boolean =>
      elapsedMs(this.#clock, sentAt) >= ttlSeconds * 1_000
    if (!isOver(granted)) return granted
    const { ttl, sentAt } = await this.#renewOnce(id, deadline, given)
    const renewed = { ...granted, ttlSeconds: ttl, sentAt }
    if (!isOver(renewed)) return renewed
    const what = `lease ${id} has ${ttl} s, and the answers of the server take longer`
    throw new EtcdError('lease_lost', { call: KEEP_ALIVE, what })
  }

  async #giveBack(id: bigint, { clusterId }: Granted, deadline: CallDeadline): Promise<void> {
    const ports = { channel: this.#channel, deadline }
    await revokeLease(ports, id, pinned(clusterId)).catch(() => undefined)
  }

  /** Creates the lease object for a granted lease, with its time counted from when the request was sent. */
  #count(id: bigint, { ttlSeconds, clusterId, sentAt }: Granted): Lease {
    const lease = new LeaseCore(id, this.#ports, clusterId)
    this.#leases.add(lease)
    outside(() => lease.renew(sentAt, ttlSeconds))
    if (this.#isClosed) lease.lose(new EtcdError('closed'))
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
