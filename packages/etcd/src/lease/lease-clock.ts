import { type Clock, elapsedMs, type Moment, monotonicNow } from '../clock.ts'
import { LONGEST_MS } from '../refuse-option.ts'

/**
 * Tolerated difference between wall time and monotonic time, in milliseconds, before the time of day counts
 * as changed.
 */
const SKEW_MS = 500

/**
 * Measures the remaining time of one lease since its last confirmed request was sent, in wall and monotonic
 * time.
 */
export class LeaseClock {
  readonly #clock: Clock
  readonly #onOver: () => void
  #sentAt: Moment | undefined
  #timer: unknown
  ttlSeconds = 0

  constructor(clock: Clock, onOver: () => void) {
    this.#clock = clock
    this.#onOver = onOver
  }

  /** Remaining milliseconds; 0 if the lease is over or not yet granted. */
  get leftMs(): number {
    if (this.#sentAt === undefined) return 0
    return Math.max(0, this.ttlSeconds * 1_000 - elapsedMs(this.#clock, this.#sentAt))
  }

  /** True if the lease is over by wall time only: the time of day was set ahead, or the machine slept. */
  get isOverByTimeOfDay(): boolean {
    if (this.#sentAt === undefined || this.leftMs > 0) return false
    const passedMs = monotonicNow(this.#clock) - this.#sentAt.monotonicMs
    return passedMs < this.ttlSeconds * 1_000 - SKEW_MS
  }

  /** Starts the TTL at the moment a request was sent. The answer to an older request is ignored. */
  restart(sentAt: Moment, ttlSeconds: number): void {
    if (this.#sentAt !== undefined && sentAt.monotonicMs < this.#sentAt.monotonicMs) return
    this.#sentAt = sentAt
    this.ttlSeconds = ttlSeconds
    this.#wait()
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  /**
   * Timers pause while the machine sleeps, so the remaining time is checked every second, or every hundredth
   * of a long TTL.
   */
  #wait(): void {
    this.stop()
    const { leftMs } = this
    const lookMs = Math.min(LONGEST_MS, Math.max(1_000, this.ttlSeconds * 10))
    this.#timer = this.#clock.setTimeout(
      () => (this.leftMs > 0 ? this.#wait() : this.#onOver()),
      Math.ceil(Math.min(leftMs, lookMs)),
    )
  }
}
