import type { Clock } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import type { Channel } from '../transport/transport.ts'
import type { WatchResponse } from '../wire/watch.ts'
import type { Refusal } from './refusal.ts'
import type { WatchState } from './watch-state.ts'

/** Time limits of a stream. They fall while it is open, once the server answers quickly again. */
export interface StreamLimits {
  /** Milliseconds within which the server must react to a request. */
  readonly graceMs: number
  /** Milliseconds within which the server must answer a create. */
  readonly createMs: number
  /** Multiplies how many progress requests may remain unanswered. */
  readonly patience: number
}

/** What a stream needs from the connection that opened it. */
export interface StreamPorts {
  readonly channel: Channel
  readonly clock: Clock
  readonly progressIntervalMs: number
  readonly limits: StreamLimits
  readonly openTimeoutMs: number
  readonly idsFrom: 'server' | 'client'
  /** The only endpoint to open the stream at. Undefined: any. */
  readonly endpoint: string | undefined
  /** An endpoint to avoid if there is another. */
  readonly avoid: string | undefined
  /** The stream is open, and the watch requires verification of its store first; it has left the stream. */
  onUnproven(watcher: WatchState): void
  /** The watch found a store that may have gone back; it has left the stream. */
  onDoubt(watcher: WatchState): void
  /** The server refused this watch; it has left the stream. */
  onRefused(watcher: WatchState, refusal: Refusal, response: WatchResponse): void
  /** The server accepted a watch. */
  onLive(watcher: WatchState): void
  /** The server reported progress or sent changes. */
  onUseful(): void
  /** The server answered a request of this kind after this time, in milliseconds. */
  onAnswered(kind: WatchRequestKind, tookMs: number): void
  /** Called exactly once, last. */
  onEnd(ending: StreamEnding): void
}

/** Kinds of requests on a stream. The server may be slow with one kind and answer the other at once. */
export type WatchRequestKind = 'create' | 'progress'

/** Why a stream ended. */
export interface StreamEnding {
  /** `dead`: a request was not answered in time, and neither was a ping of the connection. */
  readonly reason: 'failed' | 'dead' | 'silent' | 'unanswered' | 'no_progress' | 'dropped'
  readonly error: EtcdError | undefined
  /** If a response was too large: the watches it may have been for. */
  readonly suspects: readonly WatchState[]
}
