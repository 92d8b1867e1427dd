import { type Clock, elapsedMs, type Moment, monotonicNow } from '../clock.ts'
import { LONGEST_MS } from '../refuse-option.ts'

/** The hands of a clock may differ by so much without anybody having set one, in milliseconds. */
const SKEW_MS = 500

/** The time of one lease, counted from when its last confirmed request was sent, on both hands of the clock. */
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

  /** Milliseconds; 0 when it is over, or has not begun. */
  get leftMs(): number {
    if (this.#sentAt === undefined) return 0
    return Math.max(0, this.ttlSeconds * 1_000 - elapsedMs(this.#clock, this.#sentAt))
  }

  /** True when only the time of day says that it is over: it was set ahead, or the machine slept. */
  get isOverByTimeOfDay(): boolean {
    if (this.#sentAt === undefined || this.leftMs > 0) return false
    const passedMs = monotonicNow(this.#clock) - this.#sentAt.monotonicMs
    return passedMs < this.ttlSeconds * 1_000 - SKEW_MS
  }

  /** The lease is alive for so long from when the request was sent. The answer to an older request changes nothing. */
  restart(sentAt: Moment, ttlSeconds: number): void {
    if (this.#sentAt !== undefined && sentAt.monotonicMs < this.#sentAt.monotonicMs) return
    this.#sentAt = sentAt
    this.ttlSeconds = ttlSeconds
    this.#wait()
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  /** Timers stand still while the machine sleeps, so it looks again every second, or every hundredth of a long lease. */
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
