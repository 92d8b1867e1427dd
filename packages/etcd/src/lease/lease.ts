import type { Lease, LeaseInfo, LeaseService } from './lease-contract.ts'
import type { Clock, Moment } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { pinned } from '../kv/range-query.ts'
import { LeaseClock } from './lease-clock.ts'

/** What a lease needs from its service. */
export interface LeasePorts {
  readonly clock: Clock
  readonly service: LeaseService
  /** Starts renewing it. */
  keep(lease: LeaseCore): void
  /** Stops renewing it. */
  drop(lease: LeaseCore): void
  /** Its time was over although it was to be renewed. */
  expired(): void
  /** Removes it from the service: it is lost. */
  forget(lease: LeaseCore): void
}

/**
 * Tracks until when a lease is certainly alive. Its time is counted from when the request was sent, because
 * the server counts from a later moment.
 */
export class LeaseCore implements Lease {
  readonly id: bigint
  readonly #ports: LeasePorts
  /** The cluster that granted it. Other clusters know nothing about its id. */
  readonly #cluster: { readonly clusterId?: bigint }
  readonly #controller = new AbortController()
  readonly #time: LeaseClock
  /** Why the last renewal failed; undefined once one is confirmed. */
  #trouble: EtcdError | undefined
  #isKept = false

  /** Not alive before `renew()` is called with what was granted. */
  constructor(id: bigint, ports: LeasePorts, clusterId?: bigint) {
    this.id = id
    this.#ports = ports
    this.#cluster = pinned(clusterId)
    this.#time = new LeaseClock(ports.clock, () => this.expire())
  }

  get ttlSeconds(): number {
    return this.#time.ttlSeconds
  }

  get leftMs(): number {
    return this.#time.leftMs
  }

  get expiresAt(): number {
    return Math.floor(this.#ports.clock.now() + this.leftMs)
  }

  get lost(): AbortSignal {
    return this.#controller.signal
  }

  get isLost(): boolean {
    return this.lost.aborted || this.leftMs === 0
  }

  get trouble(): EtcdError | undefined {
    return this.#trouble
  }

  keepAlive(): void {
    if (this.lost.aborted) return
    this.#isKept = true
    this.#ports.keep(this)
  }

  letExpire(): void {
    this.#isKept = false
    this.#ports.drop(this)
  }

  async timeToLive(options?: { readonly keys?: boolean }): Promise<LeaseInfo | undefined> {
    return this.#ports.service.timeToLive(this.id, { ...options, ...this.#cluster })
  }

  async revoke(): Promise<void> {
    // Owners are notified before the lease is revoked, so that they stop relying on it first.
    this.lose(revoked(this.id))
    await this.#ports.service.revoke(this.id, this.#cluster)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.revoke()
  }

  /** A request was answered: the lease is alive for `ttlSeconds` from when the request was sent. */
  renew(sentAt: Moment, ttlSeconds: number): void {
    if (this.lost.aborted) return
    this.#trouble = undefined
    this.#time.restart(sentAt, ttlSeconds)
    if (this.isLost) this.expire()
  }

  /** Records why a renewal failed; reported if the lease expires before another renewal is confirmed. */
  noteTrouble(error: EtcdError): void {
    this.#trouble = error
  }

  /** Ends the lease because its time is over. */
  expire(): void {
    if (this.#isKept && !this.lost.aborted) this.#ports.expired()
    const why = this.#time.isOverByTimeOfDay
      ? ', by the time of day, which was set ahead or advanced while the machine slept'
      : ''
    const trouble = this.#trouble === undefined ? '' : `: ${this.#trouble.what}`
    const what = `lease ${this.id} was not renewed within its ${this.ttlSeconds} s${why}${trouble}`
    this.lose(new EtcdError('lease_lost', { what, cause: this.#trouble }))
  }

  /** Ends the lease. Timers and renewals are stopped before listeners of `lost` are called. */
  lose(reason: EtcdError): void {
    if (this.lost.aborted) return
    this.#time.stop()
    this.#ports.drop(this)
    this.#ports.forget(this)
    this.#controller.abort(reason)
  }
}

/** The reason of a lease that was revoked by this client. */
export function revoked(id: bigint): EtcdError {
  return new EtcdError('lease_lost', { what: `lease ${id} was revoked by its owner` })
}
