import type { Clock, EtcdClient, Lease } from '@livetree/etcd'
import { cancelled, within } from '../wait.ts'

/** What an `OwnLease` needs. */
export interface OwnLeaseOptions {
  readonly client: EtcdClient
  readonly ttlSeconds: number
  readonly clock: Clock
  /** Longest time for a grant, in ms. */
  readonly timeoutMs: number
  /** Called when the lease is lost, with the reason. */
  readonly onLost: (reason: unknown) => void
}

/**
 * The lease of one key: granted when it is taken, kept alive, and known here until it is revoked or lost. A grant goes on
 * when its caller gives up, since the server may have made the lease already: only who knows its id can revoke it.
 */
export class OwnLease {
  readonly #options: OwnLeaseOptions
  #lease: Lease | undefined
  #granting: Promise<Lease> | undefined
  /** Leases that were given up here, until the server has taken their revocation. */
  readonly #unrevoked = new Set<Lease>()
  #isLeft = false

  constructor(options: OwnLeaseOptions) {
    this.#options = options
  }

  /** Whether the server has no lease, as far as this process knows. */
  get isNone(): boolean {
    return this.#lease === undefined && this.#granting === undefined && this.#unrevoked.size === 0
  }

  /** Returns the lease, or has one granted. @throws DiscoveryError `cancelled`; EtcdError as the grant does */
  async take(signal: AbortSignal): Promise<Lease> {
    if (this.#lease !== undefined && !this.#lease.isLost) return this.#lease
    this.#granting ??= this.#grant()
    const granting = this.#granting
    const { clock, timeoutMs } = this.#options
    const outcome = await within(clock, timeoutMs, granting, signal)
    if (outcome.type === 'aborted') throw cancelled('the grant of a lease', signal)
    return outcome.type === 'done' ? outcome.value : await granting
  }

  /**
   * Revokes the lease, also one that is being granted, and those whose revocation has failed before. Returns their ids.
   *
   * @throws EtcdError of a revocation that has failed; the others were tried all the same
   */
  async revoke(): Promise<readonly bigint[]> {
    await this.#granting?.catch(() => undefined)
    if (this.#lease !== undefined) this.#unrevoked.add(this.#lease)
    this.#lease = undefined
    const leases = [...this.#unrevoked]
    await Promise.all(leases.map((lease) => this.#revokeOne(lease)))
    return leases.map(({ id }) => id)
  }

  /** Stops keeping the lease alive: the server removes it when its time is over. Returns its id. */
  forget(): bigint | undefined {
    const lease = this.#lease
    lease?.letExpire()
    this.#lease = undefined
    return lease?.id
  }

  /** Revokes as `revoke` does, once and for good: a lease that is granted later is not kept. Never rejects. */
  async leave(): Promise<void> {
    this.#isLeft = true
    await this.revoke().catch(() => undefined)
  }

  async #revokeOne(lease: Lease): Promise<void> {
    await lease.revoke()
    this.#unrevoked.delete(lease)
  }

  async #grant(): Promise<Lease> {
    const { client, ttlSeconds, timeoutMs } = this.#options
    try {
      const lease = await client.lease.grant({ ttlSeconds, timeoutMs })
      this.#keep(lease)
      return lease
    } finally {
      this.#granting = undefined
    }
  }

  #keep(lease: Lease): void {
    this.#lease = lease
    // `leave` waits for the grant, and revokes it.
    if (this.#isLeft) return
    lease.keepAlive()
    const onLost = () => {
      if (this.#lease !== lease) return
      this.#lease = undefined
      this.#options.onLost(lease.lost.reason)
    }
    if (lease.isLost) onLost()
    else lease.lost.addEventListener('abort', onLost)
  }
}
