import type { Clock } from '../clock.ts'
import type { Key } from '../mvcc/key-range.ts'
import type { LeaseBook } from '../mvcc/store.ts'
import { ETCD_ERROR } from '../status.ts'

/** etcd's minimum TTL with its default timing: one and a half elections of 1 s, rounded up. */
const MIN_TTL_SECONDS = 2
/** etcd's maximum TTL. */
const MAX_TTL_SECONDS = 9_000_000_000
/** Minimum interval between checks for expired leases, in milliseconds; limits the number of timers. */
const MIN_CHECK_MS = 20
/** Delay before an expired lease that could not be revoked is tried again, in milliseconds; as in etcd. */
const RETRY_MS = 500

/** A granted lease. */
export interface Lease {
  readonly id: bigint
  /** The granted TTL in seconds. */
  readonly ttlSeconds: number
  /** By the lessor's clock. */
  expiresAtMs: number
  readonly keys: Set<Key>
}

/** The granted leases with their deadlines and keys. The caller revokes them and deletes their keys. */
export class Lessor implements LeaseBook {
  readonly #clock: Clock
  readonly #onExpired: (ids: readonly bigint[]) => void
  readonly #leases = new Map<bigint, Lease>()
  #isClosed = false
  #check: { readonly atMs: number; readonly cancel: () => void } | undefined

  /** `onExpired` receives leases past their deadline and must revoke them. */
  constructor(clock: Clock, onExpired: (ids: readonly bigint[]) => void) {
    this.#clock = clock
    this.#onExpired = onExpired
  }

  /** The TTL to grant: the requested one, at least the minimum. @throws StatusError `leaseTtlTooLarge` */
  static grantedTtl(ttlSeconds: number): number {
    if (ttlSeconds > MAX_TTL_SECONDS) throw ETCD_ERROR.leaseTtlTooLarge()
    return Math.max(ttlSeconds, MIN_TTL_SECONDS)
  }

  /** Adds a lease with its full TTL. @throws StatusError `leaseExists` */
  grant(id: bigint, ttlSeconds: number): Lease {
    if (this.#leases.has(id)) throw ETCD_ERROR.leaseExists()
    const lease = { id, ttlSeconds, expiresAtMs: this.#deadline(ttlSeconds), keys: new Set<Key>() }
    this.#leases.set(id, lease)
    this.#checkBy(lease.expiresAtMs)
    return lease
  }

  get(id: bigint): Lease | undefined {
    return this.#leases.get(id)
  }

  has(id: bigint): boolean {
    return this.#leases.has(id)
  }

  /** True if a lease is granted and its deadline has passed. */
  isExpired(id: bigint): boolean {
    const lease = this.#leases.get(id)
    return lease !== undefined && lease.expiresAtMs <= this.#clock.now()
  }

  /** All leases, ordered by deadline. */
  list(): Lease[] {
    return [...this.#leases.values()].sort((a, b) => a.expiresAtMs - b.expiresAtMs)
  }

  /** Restores a lease's full TTL; undefined if it is not granted. */
  renew(id: bigint): Lease | undefined {
    const lease = this.#leases.get(id)
    if (lease !== undefined) lease.expiresAtMs = this.#deadline(lease.ttlSeconds)
    return lease
  }

  /** Remaining seconds, truncated to an integer. */
  remainingSeconds(lease: Lease): number {
    return Math.trunc((lease.expiresAtMs - this.#clock.now()) / 1000)
  }

  /** Removes a lease. Its keys must be deleted before. */
  remove(id: bigint): void {
    this.#leases.delete(id)
  }

  attach(id: bigint, key: Key): void {
    this.#leases.get(id)?.keys.add(key)
  }

  detach(id: bigint, key: Key): void {
    this.#leases.get(id)?.keys.delete(key)
  }

  /** Checks for expired leases again later, because some could not be revoked. */
  expireLater(): void {
    this.#checkBy(this.#clock.now() + RETRY_MS)
  }

  close(): void {
    this.#isClosed = true
    this.#check?.cancel()
    this.#check = undefined
  }

  #deadline(ttlSeconds: number): number {
    return this.#clock.now() + ttlSeconds * 1000
  }

  #checkBy(deadlineMs: number): void {
    if (this.#isClosed) return
    if (this.#check !== undefined) {
      if (this.#check.atMs <= deadlineMs) return
      this.#check.cancel()
    }
    const delayMs = Math.max(deadlineMs - this.#clock.now(), MIN_CHECK_MS)
    const cancel = this.#clock.schedule(() => this.#expire(), delayMs)
    this.#check = { atMs: deadlineMs, cancel }
  }

  #expire(): void {
    this.#check = undefined
    const now = this.#clock.now()
    const expired: bigint[] = []
    let next = Number.POSITIVE_INFINITY
    for (const { id, expiresAtMs } of this.#leases.values()) {
      if (expiresAtMs <= now) expired.push(id)
      else next = Math.min(next, expiresAtMs)
    }
    if (next !== Number.POSITIVE_INFINITY) this.#checkBy(next)
    if (expired.length > 0) this.#onExpired(expired)
  }
}
