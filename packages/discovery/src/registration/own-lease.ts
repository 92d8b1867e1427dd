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
  #isLeft = false

  constructor(options: OwnLeaseOptions) {
    this.#options = options
  }

  /** Whether the server has no lease, as far as this process knows. */
  get isNone(): boolean {
    return this.#lease === undefined && this.#granting === undefined
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

  /** Revokes the lease, also one that is being granted. */
  async revoke(): Promise<void> {
    await this.#granting?.catch(() => undefined)
    await this.#lease?.revoke()
    this.#lease = undefined
  }

  /** Stops keeping the lease alive: the server removes it when its time is over. Returns its id. */
  forget(): bigint | undefined {
    const lease = this.#lease
    lease?.letExpire()
    this.#lease = undefined
    return lease?.id
  }

  /** As `forget`, for good: a lease that is granted later is not kept alive either. */
  leave(): void {
    this.#isLeft = true
    this.forget()
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
    if (this.#isLeft) {
      lease.letExpire()
      return
    }
    this.#lease = lease
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
