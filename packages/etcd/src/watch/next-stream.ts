import { type Clock, monotonicNow } from '../clock.ts'
import { type EtcdError, isFinalError } from '../errors.ts'
import type { Channel } from '../transport/transport.ts'
import type { Refusal } from './refusal.ts'
import type { StreamEnding, StreamLimits, WatchRequestKind } from './stream-ports.ts'
import type { WatchState } from './watch-state.ts'
import type { WatchStream } from './watch-stream.ts'

/** How often in a row a watch or a token must be refused before the refusal is final. */
export const REFUSAL_LIMIT = 3

const MAX_GRACE_MS = 300_000

/** Limits of the patience: the larger one applies to a short grace period, in milliseconds. */
const MAX_PATIENCE = 64
const MAX_PATIENCE_MS = 320_000

/** A create lasts at most this many grace periods, times the patience. */
const CREATE_GRACES = 2

/** Longest time limit of a create, in milliseconds. */
const MAX_CREATE_MS = 3_600_000

/** The kind of request whose time ran out. On a silent stream no request is answered. */
const KIND_OF: Partial<Record<StreamEnding['reason'], WatchRequestKind | 'any'>> = {
  silent: 'any',
  unanswered: 'create',
  no_progress: 'progress',
}

/** Where there are other endpoints, the first message of a stream has this part of its time. */
const OTHERS_SHARE = 4

/** How long an endpoint without room is remembered, in milliseconds. */
const FULL_MS = 600_000

/** Settings of the next stream, learned from how the previous ones ended. */
export class NextStream implements StreamLimits {
  readonly #channel: Channel
  readonly #clock: Clock
  readonly #leastGraceMs: number
  readonly #mostPatience: number
  /** Kinds of requests that were not answered in time, and since when they are, in monotonic time. */
  readonly #late = new Map<WatchRequestKind | 'any', number>()
  /** Milliseconds within which the server must react to a request. */
  graceMs: number
  /** Multiplies how many progress requests may remain unanswered. */
  patience = 1
  #tokenFailures = 0
  /**
   * Streams in a row that ended with a final error, which counts only once every endpoint has returned it.
   */
  #finalEnds = 0
  /** An endpoint to avoid if there is another. */
  avoid: string | undefined
  #askFirstAt: string | undefined
  /** Endpoints that could not handle a verifying read besides a stream, and when, in monotonic time. */
  readonly #full = new Map<string, number>()

  constructor({ channel, clock }: { readonly channel: Channel; readonly clock: Clock }, graceMs: number) {
    this.#channel = channel
    this.#clock = clock
    this.#leastGraceMs = graceMs
    this.graceMs = graceMs
    this.#mostPatience = Math.max(MAX_PATIENCE, Math.ceil(MAX_PATIENCE_MS / graceMs))
  }

  /** The endpoint of the next stream, if a verifying read there has to precede the stream. */
  get askFirstAt(): string | undefined {
    this.#forget()
    return this.#askFirstAt
  }

  /**
   * True if a verifying read besides this stream would wait in vain. A stream that serves watches is not
   * given up for that: the endpoint may accept more calls by now.
   */
  isFull(stream: WatchStream): boolean {
    this.#forget()
    return !stream.isServing && this.#full.has(stream.endpoint)
  }

  /** The next stream is opened at this endpoint, after the verifying reads. */
  askFirst(endpoint: string): void {
    this.#full.set(endpoint, monotonicNow(this.#clock))
    this.#askFirstAt = endpoint
  }

  /** Forgets endpoints that left the rotation, and those that may have got room. */
  #forget(): void {
    const urls = this.#channel.endpoints()
    const now = monotonicNow(this.#clock)
    for (const [url, since] of this.#full)
      if (now - since >= FULL_MS || !urls.includes(url)) this.#full.delete(url)
    if (this.#askFirstAt !== undefined && !this.#full.has(this.#askFirstAt)) this.#askFirstAt = undefined
  }

  /** Time limit of a create, in milliseconds. */
  get createMs(): number {
    return Math.min(CREATE_GRACES * this.graceMs * this.patience, MAX_CREATE_MS)
  }

  /**
   * Time limit of the first message of a stream, in milliseconds, which grows as the grace period does. A member that
   * answers pings and no calls must not keep the watches from the others for long.
   */
  firstMessageMs(openTimeoutMs: number): number {
    const wholeMs = Math.max(openTimeoutMs * (this.graceMs / this.#leastGraceMs), this.graceMs)
    return this.#channel.endpoints().length > 1 ? wholeMs / OTHERS_SHARE : wholeMs
  }

  /** A stream is opened. */
  opened(): void {
    for (const kind of this.#late.keys()) this.#late.set(kind, monotonicNow(this.#clock))
  }

  /**
   * A request was answered after this time, in milliseconds. A quick answer says nothing about the next request:
   * the server may be busy with one watch after it has accepted others. So the limits return to the least ones
   * after a whole time limit in which each kind of request that was late was answered quickly.
   */
  answered(kind: WatchRequestKind, tookMs: number): void {
    const now = monotonicNow(this.#clock)
    for (const [late, since] of this.#late) {
      if (late !== kind && late !== 'any') continue
      if (tookMs > this.#leastGraceMs) this.#late.set(late, now)
      else if (now - since >= this.createMs) this.#late.delete(late)
    }
    if (this.#late.size > 0) return
    this.patience = 1
    this.graceMs = this.#leastGraceMs
  }

  /** A server accepted a watch. */
  served(): void {
    this.#tokenFailures = 0
    this.#finalEnds = 0
  }

  /** A stream ended on its own. */
  ended(reason: StreamEnding['reason']): void {
    const kind = KIND_OF[reason]
    if (kind === undefined) return
    this.#late.set(kind, monotonicNow(this.#clock))
    if (reason === 'silent') this.graceMs = Math.max(this.graceMs, Math.min(this.graceMs * 2, MAX_GRACE_MS))
    else this.patience = Math.min(this.patience * 2, this.#mostPatience)
  }

  /** A stream is given up because of this error. */
  left(stream: WatchStream, error: EtcdError | undefined): void {
    if (stream.endpoint !== '') this.avoid = stream.endpoint
    if (error?.code === 'unauthenticated') this.#tokenFailures += 1
    else if (error !== undefined && isOfAll(error)) this.#finalEnds += 1
    const isFull = error?.code === 'deadline_exceeded' && error.fate === 'not_sent' && stream.isHeard
    if (isFull) this.askFirst(stream.endpoint)
    else if (this.#channel.endpoints().length > 1) this.#askFirstAt = undefined
  }

  /** True if the error is final. One endpoint among others may be the only one that returns it. */
  isBelieved(error: EtcdError): boolean {
    if (error.code === 'unauthenticated') return isFinalError(error) && this.#tokenFailures > REFUSAL_LIMIT
    if (!isOfAll(error)) return false
    return error.code === 'closed' || this.#finalEnds >= this.#channel.endpoints().length
  }
}

/**
 * True if the error is final for every watch of the stream. A response that is too large concerns only one of
 * them.
 */
function isOfAll(error: EtcdError): boolean {
  return isFinalError(error) && error.code !== 'response_too_large'
}

/**
 * True if the refusal of a watch ends it; `refusals` in a row. An outdated token is refused until a new one is used in
 * time, and a missing permission is believed once a read is refused, too.
 */
export function endsWatch(refusal: Refusal, error: EtcdError, refusals: number): boolean {
  if (refusal === 'empty_range') return true
  if (refusal === 'other' || refusal === 'permission' || !isFinalError(error)) return false
  return refusals > REFUSAL_LIMIT
}

/**
 * Finds the watch whose response is too large even when requested in fragments. A watch alone on its stream
 * is the culprit; of several, all but the last pause, so that each of them is tried alone eventually.
 */
export function judgeSuspects(suspects: readonly WatchState[]): {
  readonly culprit: WatchState | undefined
  readonly resting: readonly WatchState[]
} {
  const fragmented = suspects.filter(({ oversizes }) => oversizes > 1)
  const last = fragmented.pop()
  return { culprit: suspects.length === 1 ? last : undefined, resting: fragmented }
}
