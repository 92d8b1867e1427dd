import type { Lease, LeaseInfo, LeaseService } from './lease-contract.ts'
import type { Clock, Moment } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { pinned } from '../kv/range-query.ts'
import { LeaseClock } from './lease-clock.ts'

/** What a lease needs. */
export interface LeasePorts {
  readonly clock: Clock
  readonly service: LeaseService
  /** Renew it from now on. */
  keep(lease: LeaseCore): void
  /** Do not renew it any more. */
  drop(lease: LeaseCore): void
  /** It is over. */
  forget(lease: LeaseCore): void
}

/**
 * Knows until when a lease is sure to be alive: counted from when a request was sent, since the server counts from a later
 * moment.
 */
export class LeaseCore implements Lease {
  readonly id: bigint
  readonly #ports: LeasePorts
  /** The cluster that granted it: what another one says of its id means nothing. */
  readonly #cluster: { readonly clusterId?: bigint }
  readonly #controller = new AbortController()
  readonly #time: LeaseClock
  /** Why the last renewal failed; undefined once one is confirmed. */
  #trouble: EtcdError | undefined

  /** Not granted yet: `renew()` with what was granted. */
  constructor(id: bigint, ports: LeasePorts, clusterId?: bigint) {
    this.id = id
    this.#ports = ports
    this.#cluster = pinned(clusterId)
    this.#time = new LeaseClock(ports.clock, () => this.expire())
  }

  get ttlSeconds(): number {
    return this.#time.ttlSeconds
  }

  get expiresAt(): number {
    return Math.floor(this.#ports.clock.now() + this.#time.leftMs)
  }

  get lost(): AbortSignal {
    return this.#controller.signal
  }

  get isLost(): boolean {
    return this.lost.aborted || this.#time.leftMs === 0
  }

  keepAlive(): void {
    if (!this.lost.aborted) this.#ports.keep(this)
  }

  letExpire(): void {
    this.#ports.drop(this)
  }

  async timeToLive(options?: { readonly keys?: boolean }): Promise<LeaseInfo | undefined> {
    return this.#ports.service.timeToLive(this.id, { ...options, ...this.#cluster })
  }

  async revoke(): Promise<void> {
    // Whoever relies on it stops before it is gone, not after.
    this.lose(revoked(this.id))
    await this.#ports.service.revoke(this.id, this.#cluster)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.revoke()
  }

  /** A request was answered: the lease is alive for `ttlSeconds` from when it was sent. */
  renew(sentAt: Moment, ttlSeconds: number): void {
    if (this.lost.aborted) return
    this.#trouble = undefined
    this.#time.restart(sentAt, ttlSeconds)
    if (this.isLost) this.expire()
  }

  /** A renewal failed; said should the time run out before another one is confirmed. */
  noteTrouble(error: EtcdError): void {
    this.#trouble = error
  }

  /** Its time is over. */
  expire(): void {
    const why = this.#time.isOverByTimeOfDay
      ? ', by the time of day, which was set ahead or went on while the machine slept'
      : ''
    const trouble = this.#trouble === undefined ? '' : `: ${this.#trouble.what}`
    const what = `lease ${this.id} was not renewed within its ${this.ttlSeconds} s${why}${trouble}`
    this.lose(new EtcdError('lease_lost', { what, cause: this.#trouble }))
  }

  /** Everything of it has ended before anybody is told. */
  lose(reason: EtcdError): void {
    if (this.lost.aborted) return
    this.#time.stop()
    this.#ports.drop(this)
    this.#ports.forget(this)
    this.#controller.abort(reason)
  }
}

/** The reason of a lease that this client has revoked. */
export function revoked(id: bigint): EtcdError {
  return new EtcdError('lease_lost', { what: `lease ${id} was revoked by its owner` })
}
