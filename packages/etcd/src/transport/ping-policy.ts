import type { Logger } from '../logger.ts'

/** How far apart pings must be, in milliseconds, that a server gets between two answers. etcd accepts one in 5 seconds. */
const SPACING_MS = 6_000

/** How far apart pings are that the server would accept even more often, in milliseconds. */
const LEAST_SPACING_MS = 1_000

/** Pings are sent this often at least, in milliseconds, unless the user wants fewer: a dead server must still be noticed. */
const MAX_INTERVAL_MS = 300_000

/** How often one server may be pinged: shared by all connections to it, so that each learns for the next one. */
export class PingPolicy {
  /** Interval of pings while calls are open, in milliseconds; 0 if there are none at intervals. */
  intervalMs: number
  /** How far apart pings are between which the server sends nothing, in milliseconds. */
  spacingMs = SPACING_MS
  /** A server has closed a connection because of too many pings. */
  isStrict = false
  readonly #mostMs: number
  readonly #logger: Logger

  /** `intervalMs` is 0 if no pings are to be sent at intervals. */
  constructor(intervalMs: number, logger: Logger) {
    this.intervalMs = intervalMs
    this.#mostMs = Math.max(intervalMs, MAX_INTERVAL_MS)
    this.#logger = logger
  }

  /** The server at this URL closed a connection because of too many pings: from now on half as many are sent. */
  tooMany(url: string): void {
    this.intervalMs = Math.min(2 * this.intervalMs, this.#mostMs)
    this.spacingMs = Math.min(Math.max(2 * this.spacingMs, this.intervalMs), this.#mostMs)
    if (this.isStrict) return
    this.isStrict = true
    this.#logger.warn(
      'The server closed a connection because it was pinged too often, so it is pinged half as often from now on, and less if that is still too often: raise timeouts.pingIntervalMs, or lower the minimum interval of pings at the server (etcd: --grpc-keepalive-min-time)',
      { endpoint: url, pingIntervalMs: this.intervalMs },
    )
  }
}

/**
 * When one connection may be pinged. gRPC servers such as etcd count a ping as a strike that comes too soon after the last
 * one, or while no call is open. The third strike without an answer to a call in between closes the connection.
 */
export class PingBudget {
  readonly #policy: PingPolicy
  #sentAt = Number.NEGATIVE_INFINITY
  #hasStrike = false
  /** Part of an answer to a call was received since the last ping, so the server forgets the strikes. */
  #isHeard = false

  constructor(policy: PingPolicy) {
    this.#policy = policy
  }

  /** True if a ping was sent. */
  get isUsed(): boolean {
    return this.#sentAt > Number.NEGATIVE_INFINITY
  }

  /** Part of an answer to a call was received. */
  heard(): void {
    this.#isHeard = true
  }

  /** Milliseconds until a ping may be sent, from this moment of monotonic time on; `Infinity` while no call is open. */
  waitMs(now: number, hasCalls: boolean): number {
    const { isStrict, spacingMs } = this.#policy
    if (this.#isUnwanted(hasCalls)) return Number.POSITIVE_INFINITY
    const isFree = this.#isHeard || !(this.#hasStrike || isStrict)
    return Math.max(0, this.#sentAt + (isFree ? LEAST_SPACING_MS : spacingMs) - now)
  }

  /** True if a ping of the interval is due: none was sent a moment ago, for whatever reason. */
  isDue(now: number, hasCalls: boolean): boolean {
    return now - this.#sentAt >= this.#policy.intervalMs * 0.75 && !this.#isUnwanted(hasCalls)
  }

  /** A ping is sent at this moment of monotonic time, while calls are open or not. */
  sent(now: number, hasCalls: boolean): void {
    if (this.#isHeard) this.#hasStrike = false
    else if (!hasCalls || now - this.#sentAt < this.#policy.spacingMs) this.#hasStrike = true
    this.#isHeard = false
    this.#sentAt = now
  }

  #isUnwanted(hasCalls: boolean): boolean {
    return !hasCalls && this.#hasStrike && !this.#isHeard
  }
}
