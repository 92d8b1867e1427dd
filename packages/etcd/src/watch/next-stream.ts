import { type EtcdError, isFinalError } from '../errors.ts'
import type { Channel } from '../transport/transport.ts'
import type { SessionEnding } from './session-ports.ts'
import type { WatchState } from './watch-state.ts'
import type { WatchStream } from './watch-stream.ts'

/** Refusals in a row, of one watch or of a token, until they are believed. */
export const REFUSAL_LIMIT = 3

const MAX_GRACE_MS = 60_000
const MAX_PATIENCE = 64

/** How the next stream is opened, learned from how those before it ended. */
export class NextStream {
  readonly #channel: Channel
  readonly #leastGraceMs: number
  /** Milliseconds in which a server that was asked has to answer. */
  graceMs: number
  /** Multiplies how many progress requests may stay unanswered. */
  patience = 1
  #tokenFailures = 0
  /** Streams in a row that ended with what is final: each endpoint is asked before it is believed. */
  #finalEnds = 0
  /** An endpoint to stay away from if there is another. */
  avoid: string | undefined
  /** An endpoint that had no room for a question beside the stream: it is asked before the stream is opened. */
  askFirstAt: string | undefined

  constructor(channel: Channel, graceMs: number) {
    this.#channel = channel
    this.#leastGraceMs = graceMs
    this.graceMs = graceMs
  }

  /** A stream was of use. */
  useful(): void {
    this.patience = 1
    this.graceMs = this.#leastGraceMs
  }

  /** A server took a watch on. */
  served(): void {
    this.#tokenFailures = 0
    this.#finalEnds = 0
  }

  /** A stream ended by itself. */
  ended(reason: SessionEnding['reason']): void {
    if (reason === 'silent') this.graceMs = Math.max(this.graceMs, Math.min(this.graceMs * 2, MAX_GRACE_MS))
    if (reason === 'unanswered') this.patience = Math.min(this.patience * 2, MAX_PATIENCE)
  }

  /** A stream is left, for this error. */
  left(session: WatchStream, error: EtcdError | undefined): void {
    if (session.endpoint !== '') this.avoid = session.endpoint
    if (error?.code === 'unauthenticated') this.#tokenFailures += 1
    else if (error !== undefined && isOfAll(error)) this.#finalEnds += 1
    const isFull = error?.code === 'deadline_exceeded' && error.fate === 'not_sent' && session.isHeard
    if (isFull) this.askFirstAt = session.endpoint
    else if (this.#channel.endpoints().length > 1) this.askFirstAt = undefined
  }

  /** One endpoint among others may be the only one that says so. */
  isBelieved(error: EtcdError): boolean {
    if (error.code === 'unauthenticated') return this.#tokenFailures > REFUSAL_LIMIT
    if (!isOfAll(error)) return false
    return error.code === 'closed' || this.#finalEnds >= this.#channel.endpoints().length
  }
}

/** Whether the error is final, and for every watch of the stream: one answer that is too large is for one of them. */
function isOfAll(error: EtcdError): boolean {
  return isFinalError(error) && error.code !== 'response_too_large'
}

/**
 * An answer is too large for the client though it was asked for in pieces. Which watch it is for shows when they are tried
 * one by one: a watch alone on its stream is the one; of several, the one that came last stays, as each of them will be once.
 */
export function judgeSuspects(suspects: readonly WatchState[]): {
  readonly culprit: WatchState | undefined
  readonly resting: readonly WatchState[]
} {
  const fragmented = suspects.filter(({ oversizes }) => oversizes > 1)
  const last = fragmented.pop()
  return { culprit: suspects.length === 1 ? last : undefined, resting: fragmented }
}
