import { setMaxListeners } from 'node:events'
import type { EtcdClient, Lease } from '@livetree/etcd'
import { CALL } from './operations.ts'

/** The one lease of a client, which all members of this process that use the client share. */
export class ClientLease {
  readonly #client: EtcdClient
  readonly #ttlSeconds: number
  #users = 0
  #lease: Lease | undefined = undefined
  #granting: Promise<Lease> | undefined = undefined

  constructor(client: EtcdClient, ttlSeconds: number) {
    this.#client = client
    this.#ttlSeconds = ttlSeconds
  }

  /** Whether a member needs it. */
  get isUsed(): boolean {
    return this.#users > 0
  }

  /** One more member needs it; `release` is called once for each. */
  use(): void {
    this.#users++
  }

  /**
   * The lease, or a new one where there is none or it is lost. It is renewed until all have released it.
   *
   * @throws EtcdError as `lease.grant`
   */
  held(): Promise<Lease> {
    if (this.#lease?.isLost === false) return Promise.resolve(this.#lease)
    this.#granting ??= this.#grant().finally(() => {
      this.#granting = undefined
    })
    return this.#granting
  }

  /** A member needs it no more. The last one revokes it, which deletes what is left of all. Never rejects. */
  async release(): Promise<void> {
    if (--this.#users > 0) return
    try {
      const lease = (await this.#granting) ?? this.#lease
      // another member may have come meanwhile
      if (this.#users > 0) return
      this.#lease = undefined
      if (lease?.isLost === false) await lease.revoke()
    } catch {
      // it expires by itself: nobody renews it any more
    }
  }

  async #grant(): Promise<Lease> {
    const lease = await this.#client.lease.grant({ ttlSeconds: this.#ttlSeconds, ...CALL })
    setMaxListeners(0, lease.lost)
    lease.keepAlive()
    this.#lease = lease
    return lease
  }
}

const leases = new WeakMap<EtcdClient, ClientLease>()

/** The lease of a client. While members use it, its time to live is what the first of them said. */
export function leaseOf(client: EtcdClient, ttlSeconds: number): ClientLease {
  const known = leases.get(client)
  if (known?.isUsed === true) return known
  const lease = new ClientLease(client, ttlSeconds)
  leases.set(client, lease)
  return lease
}
