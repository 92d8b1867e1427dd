import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { LongTimer } from './long-timer.ts'
import type { LeaseInfo, LeaseService } from './lease-service.ts'

/** One lease as its owner holds it. `await using` revokes it at the end of the block. */
export interface Lease extends AsyncDisposable {
  readonly id: bigint
  /** What the server granted, in seconds; may be more than was asked for. */
  readonly ttlSeconds: number
  /** Milliseconds since the epoch: until then, and no longer, the lease is sure to be alive. Counted from sending. */
  readonly expiresAt: number
  /** The lease may be gone: work that rests on it has to stop. */
  readonly isLost: boolean
  /**
   * Fires once, when the lease can no longer be relied on: its time is over without a confirmed renewal, the server
   * said that it is gone, it was revoked, or the client was closed. The reason is an EtcdError, mostly `lease_lost`.
   * A lease protects nothing by itself: guard writes by the revision of a key that hangs on it.
   */
  readonly lost: AbortSignal
  /** Begins to renew the lease, every third of its time, at once for the first time. Doing so already is fine. */
  keepAlive(): void
  /** Stops renewing; the lease runs out by itself. */
  letExpire(): void
  /** How long the server gives it, and which keys hang on it; `undefined` when it is gone. */
  timeToLive(options?: { readonly keys?: boolean }): Promise<LeaseInfo | undefined>
  /** Ends the lease and deletes its keys. Gone already is fine. */
  revoke(): Promise<void>
}

/** A question to the server for more time, and the deadline if it says yes. */
export interface Renewal {
  readonly sentAt: number
  readonly ttlSeconds: number
  /** Runs since the question was sent. */
  readonly timer: LongTimer | undefined
}

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
 * Knows until when a lease is sure to be alive. The time is measured by timers that start when a request is sent: the
 * server counts from a later moment, and a step of the clock changes nothing.
 */
export class LeaseCore implements Lease {
  readonly id: bigint
  readonly #ports: LeasePorts
  readonly #controller = new AbortController()
  #renewal: Renewal

  /** Not granted yet: `ask()`, then `renew()` with what was granted. */
  constructor(id: bigint, ports: LeasePorts) {
    this.id = id
    this.#ports = ports
    this.#renewal = { sentAt: 0, ttlSeconds: 0, timer: undefined }
  }

  get ttlSeconds(): number {
    return this.#renewal.ttlSeconds
  }

  get expiresAt(): number {
    return this.#renewal.sentAt + this.#renewal.ttlSeconds * 1_000
  }

  get lost(): AbortSignal {
    return this.#controller.signal
  }

  get isLost(): boolean {
    // A machine that slept has late timers but the right time.
    return this.lost.aborted || this.#ports.clock.now() >= this.expiresAt
  }

  keepAlive(): void {
    if (!this.lost.aborted) this.#ports.keep(this)
  }

  letExpire(): void {
    this.#ports.drop(this)
  }

  timeToLive(options: { readonly keys?: boolean } = {}): Promise<LeaseInfo | undefined> {
    return this.#ports.service.timeToLive(this.id, options)
  }

  async revoke(): Promise<void> {
    // Whoever relies on it stops before it is gone, not after.
    this.lose(new EtcdError('lease_lost', { what: `lease ${this.id} was revoked by its owner` }))
    await this.#ports.service.revoke(this.id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.revoke()
  }

  /** Starts to count for a request that is about to be sent. 0 seconds: nobody knows yet how much there will be. */
  ask(ttlSeconds: number = this.ttlSeconds): Renewal {
    const { clock } = this.#ports
    const timer = ttlSeconds === 0 ? undefined : new LongTimer(clock, ttlSeconds * 1_000, () => this.expire())
    return { sentAt: clock.now(), ttlSeconds, timer }
  }

  /** The request was answered: the lease is alive for `ttlSeconds` from when it was sent. */
  renew(renewal: Renewal, ttlSeconds: number): void {
    if (this.lost.aborted) {
      renewal.timer?.clear()
      return
    }
    this.#renewal.timer?.clear()
    this.#renewal = renewal
    if (ttlSeconds !== renewal.ttlSeconds) this.#recount(ttlSeconds)
  }

  /** The request will not be answered. */
  giveUp(renewal: Renewal): void {
    renewal.timer?.clear()
  }

  /** Its time is over. */
  expire(): void {
    const what = `lease ${this.id} was not renewed within its ${this.ttlSeconds} s`
    this.lose(new EtcdError('lease_lost', { what }))
  }

  lose(reason: EtcdError): void {
    if (this.lost.aborted) return
    this.#renewal.timer?.clear()
    this.#ports.drop(this)
    this.#ports.forget(this)
    this.#controller.abort(reason)
  }

  /** The server gave another time than was expected when the timer was started. */
  #recount(ttlSeconds: number): void {
    const { clock } = this.#ports
    const { sentAt, timer } = this.#renewal
    timer?.clear()
    const leftMs = Math.max(0, ttlSeconds * 1_000 - Math.max(0, clock.now() - sentAt))
    this.#renewal = { sentAt, ttlSeconds, timer: new LongTimer(clock, leftMs, () => this.expire()) }
  }
}
