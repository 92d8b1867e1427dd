/** What the balancer has learnt about one endpoint. Times are milliseconds of one monotonic clock. */
export class EndpointLoad {
  /** Requests that are running. */
  inFlight = 0
  /** Requests that were begun. */
  picked = 0
  /** Set aside by outlier detection until this time. */
  ejectedUntil = 0
  /** Ejections in a row; falls with each healthy period. */
  ejections = 0
  /** When slow start begins; -Infinity for an endpoint that takes its full share. */
  startedAt: number
  /** Not chosen until this time while something else can be, because it has failed and the cap lets nobody eject it. */
  avoidedUntil = 0
  #avoidances = 0
  #asideSince = 0
  #latencyMs: number | undefined
  #measuredAt = 0
  #failuresInRow = 0
  #windowStart = 0
  #windowCount = 0
  #windowFailures = 0

  constructor(startedAt = -Infinity) {
    this.startedAt = startedAt
  }

  /**
   * The expected latency: a peak counts at once and decays with the time constant, also while nothing is measured, so that
   * a slow endpoint is tried again. Undefined before the first measurement.
   */
  latencyMs(now: number, decayMs: number): number | undefined {
    if (this.#latencyMs === undefined) return undefined
    return this.#latencyMs * Math.exp(-Math.max(0, now - this.#measuredAt) / decayMs)
  }

  /** The latency measured last, for people. 0 before the first measurement. */
  get lastLatencyMs(): number {
    return this.#latencyMs ?? 0
  }

  measure(latencyMs: number, now: number, decayMs: number): void {
    const weight = Math.exp(-Math.max(0, now - this.#measuredAt) / decayMs)
    const before = this.#latencyMs
    this.#latencyMs =
      before === undefined || latencyMs >= before * weight
        ? latencyMs
        : before * weight + latencyMs * (1 - weight)
    this.#measuredAt = now
  }

  /**
   * A request was answered. One that was sent, at `sentAt`, after the endpoint was set aside proves that it works again.
   * Returns whether it is no longer aside.
   */
  succeed(now: number, windowMs: number, sentAt: number | undefined): boolean {
    this.#failuresInRow = 0
    this.#count(false, now, windowMs)
    if (!this.isAside(now) || sentAt === undefined || sentAt < this.#asideSince) return false
    this.ejectedUntil = Math.min(this.ejectedUntil, now)
    this.avoidedUntil = 0
    this.#avoidances = 0
    this.startedAt = now
    return true
  }

  fail(now: number, windowMs: number): void {
    this.#failuresInRow += 1
    this.#count(true, now, windowMs)
  }

  get failuresInRow(): number {
    return this.#failuresInRow
  }

  /** Requests of the current window and how many of them failed. */
  get window(): { readonly count: number; readonly failures: number } {
    return { count: this.#windowCount, failures: this.#windowFailures }
  }

  eject(now: number, until: number): void {
    this.ejectedUntil = until
    this.startedAt = until
    this.#asideSince = now
    this.#windowStart = now
    this.#windowCount = 0
    this.#windowFailures = 0
  }

  isEjected(now: number): boolean {
    return now < this.ejectedUntil
  }

  /** Lets it be until something else fails too: one second, and twice as long each time until it answers. */
  avoid(now: number, longestMs: number): void {
    if (this.isAvoided(now)) return
    const ms = Math.min(longestMs, FIRST_AVOID_MS * 2 ** Math.min(this.#avoidances, 20))
    this.#avoidances += 1
    this.avoidedUntil = now + ms
    this.startedAt = Math.max(this.startedAt, this.avoidedUntil)
    this.#asideSince = now
  }

  isAvoided(now: number): boolean {
    return now < this.avoidedUntil
  }

  /** Ejected or avoided. */
  isAside(now: number): boolean {
    return this.isEjected(now) || this.isAvoided(now)
  }

  /** The share of its weight that an endpoint takes: grows from 0.1 to 1 during slow start. */
  startShare(now: number, slowStartMs: number): number {
    if (slowStartMs <= 0) return 1
    const share = (now - this.startedAt) / slowStartMs
    return share >= 1 ? 1 : Math.max(LEAST_START_SHARE, share)
  }

  #count(isFailure: boolean, now: number, windowMs: number): void {
    if (now - this.#windowStart >= windowMs) {
      this.#windowStart = now
      this.#windowCount = 0
      this.#windowFailures = 0
    }
    this.#windowCount += 1
    if (isFailure) this.#windowFailures += 1
  }
}

const LEAST_START_SHARE = 0.1
const FIRST_AVOID_MS = 1_000
