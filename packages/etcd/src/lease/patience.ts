import { type Clock, elapsedMs, type Moment } from '../clock.ts'
import { answerMs, type Renewal } from './renewal.ts'

/**
 * Decides how long to wait for an answer before another stream is opened. A slow endpoint gets more time, but
 * part of the remaining time of a lease is always reserved for the other endpoints.
 */
export class Patience {
  readonly #clock: Clock
  /** How long the last answer of each endpoint took, in milliseconds. */
  readonly #tookMs = new Map<string, number>()
  /** When the latest answered request was sent. */
  #newest: Moment | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Records the answer to a request. If a request sent later was answered before, an outage delayed this answer:
   * it reflects how long the outage lasted and not how slow the endpoint is, so it is ignored. What
   * was learned of endpoints other than these is forgotten.
   */
  learn(endpoint: string, sentAt: Moment, endpoints: readonly string[]): void {
    if (this.#newest !== undefined && sentAt.monotonicMs < this.#newest.monotonicMs) return
    this.#newest = sentAt
    for (const each of this.#tookMs.keys()) if (!endpoints.includes(each)) this.#tookMs.delete(each)
    this.#tookMs.set(endpoint, elapsedMs(this.#clock, sentAt))
  }

  /**
   * The endpoint did not answer in time: its earlier answers no longer tell how slow it is. If it was slow for a moment, that
   * costs a stream or two: the streams before stay open, and their answers are learned from as they come. If it is gone, a
   * long wait for it would take the time of the other endpoints.
   */
  forget(endpoint: string): void {
    this.#tookMs.delete(endpoint)
  }

  /** Milliseconds from now until the answer to a request is late. `endpoints` is the number of endpoints. */
  lateMs(renewal: Renewal, endpoint: string, askedAt: Moment, endpoints: number): number {
    const waitedMs = elapsedMs(this.#clock, askedAt)
    const leastMs = answerMs(renewal)
    const wantedMs = Math.max(leastMs, 2 * (this.#tookMs.get(endpoint) ?? 0))
    // There is a minimum, because a lease that is about to expire would open one stream after the other.
    const mostMs = Math.max(leastMs / 4, ownMs(renewal, waitedMs, endpoints))
    return Math.max(0, Math.ceil(Math.min(wantedMs, mostMs) - waitedMs))
  }
}

/**
 * How long one endpoint may take, in milliseconds. The last third of the TTL, or all that remained when the request
 * was made if that is less, is shared equally by all endpoints. A single endpoint counts as two, because a new
 * stream may help.
 */
function ownMs({ leases, ttlSeconds }: Renewal, waitedMs: number, endpoints: number): number {
  const wholeMs = waitedMs + Math.min(...[...leases].map(({ leftMs }) => leftMs))
  const sharedMs = Math.min((ttlSeconds * 1_000) / 3, wholeMs)
  return wholeMs - sharedMs * (1 - 1 / Math.max(2, endpoints))
}
