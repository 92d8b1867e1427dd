import type { Clock } from '../clock.ts'
import type { Namespace } from '../key-range.ts'
import type { Logger } from '../logger.ts'
import type { StoreEvidence } from '../reflector/store-evidence.ts'

/** What a watch needs from the service that runs it. */
export interface WatcherHost<Watch> {
  readonly clock: Clock
  readonly logger: Logger
  readonly namespace: Namespace
  /** Adds the watch to a stream. */
  attach(watcher: Watch): void
  /** Removes the watch from its stream, if it is on one. */
  detach(watcher: Watch): void
  /** A caller waits for progress of the watch; `isUrgent`: it is requested at once. */
  requestProgress(watcher: Watch, isUrgent: boolean): void
  /** The watch has ended. */
  forget(watcher: Watch): void
}

/** What to do with a watch that a server accepted on a new stream. */
export type Acceptance =
  | 'live'
  /**
   * It starts after the newest revision, which would block progress for all watches of the stream: create it
   * again.
   */
  | 'ahead'
  /** The store may have gone back: verify it with a linearizable read. */
  | 'verify'
  /** Another cluster answers; the watch has ended. */
  | 'ended'

/** What is known of a watch's store besides the options of the watch. */
export interface WatcherKnowledge {
  /** Evidence to recognize the store. Undefined: collected from the watch's own events. */
  readonly evidence: StoreEvidence | undefined
  /**
   * The revision whose state the evidence describes, for a watch of the history before it: it does not learn from its
   * events. Default: everything before the start of the watch is known, and it learns.
   */
  readonly evidenceAt?: number | undefined
  /** The highest raft term seen. */
  readonly raftTerm: number
  /** Milliseconds between progress requests, if less than the service's interval. */
  readonly proofEveryMs: number | undefined
}
