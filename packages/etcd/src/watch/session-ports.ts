import type { Clock } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import type { Channel } from '../transport/transport.ts'
import type { WatchResponse } from '../wire/watch.ts'
import type { Refusal } from './refusal.ts'
import type { WatchState } from './watch-state.ts'

/** What a session needs from the service that opened it. */
export interface SessionPorts {
  readonly channel: Channel
  readonly clock: Clock
  readonly progressIntervalMs: number
  readonly progressGraceMs: number
  readonly openTimeoutMs: number
  readonly idsFrom: 'server' | 'client'
  /** The only endpoint to open the stream at. Undefined: any. */
  readonly endpoint: string | undefined
  /** An endpoint to stay away from if there is another. */
  readonly avoid: string | undefined
  /** Multiplies how many progress requests may stay unanswered. */
  readonly patience: number
  /** The stream stands, and the watch may not go on it before its store was recognized; it has left the session. */
  onUnproven(watcher: WatchState): void
  /** The watch is on a store that may have gone back; it has left the session. */
  onDoubt(watcher: WatchState): void
  /** The server does not serve this watch; it has left the session. */
  onRefused(watcher: WatchState, refusal: Refusal, response: WatchResponse): void
  /** The server took a watch on. */
  onLive(): void
  /** The server gave word of progress, or delivered changes. */
  onUseful(): void
  /** Exactly once, after which nothing else is called. */
  onEnd(ending: SessionEnding): void
}

/** Why a session is over. */
export interface SessionEnding {
  readonly reason: 'failed' | 'silent' | 'unanswered' | 'dropped'
  readonly error: EtcdError | undefined
  /** Where an answer was too large: the watches that it may have been for. */
  readonly suspects: readonly WatchState[]
}
