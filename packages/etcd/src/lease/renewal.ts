import type { LeaseCore } from './lease.ts'

/** One lease being renewed, on behalf of all its holders. */
export interface Renewal {
  readonly id: bigint
  readonly leases: Set<LeaseCore>
  /** The TTL the server returned last, in seconds. */
  ttlSeconds: number
  /** A renewal must be sent as soon as a stream is open. */
  isDue: boolean
  /** Fires when the next renewal is due. */
  dueTimer: unknown
  /** Fires when the answer to the oldest request on the current stream is late. */
  lateTimer: unknown
  /**
   * The server refused its renewal, so it is renewed on a stream of its own, where an error ends no shared
   * stream.
   */
  isApart: boolean
  /** Cancels the renewal on a stream of its own that is in progress. */
  apart: AbortController | undefined
}

/** The state of a lease that has not been renewed yet. */
export function newRenewal(id: bigint, ttlSeconds: number): Renewal {
  return {
    id,
    leases: new Set(),
    ttlSeconds,
    isDue: false,
    dueTimer: undefined,
    lateTimer: undefined,
    isApart: false,
    apart: undefined,
  }
}

/** Interval between renewals: a third of the TTL, at most a day. */
export function renewalIntervalMs({ ttlSeconds }: Renewal): number {
  return Math.min((ttlSeconds * 1_000) / 3, 86_400_000)
}

/** How long to wait for an answer of a fast endpoint: a sixth of the TTL, at most five seconds. */
export function answerMs({ ttlSeconds }: Renewal): number {
  return Math.min((ttlSeconds * 1_000) / 6, 5_000)
}
