import type { Clock } from '../clock.ts'
import type { Namespace } from '../key-range.ts'
import type { Logger } from '../logger.ts'
import type { StoreEvidence } from '../reflector/store-evidence.ts'

/** What a watch asks of the service that carries it. */
export interface WatcherHost<Watch> {
  readonly clock: Clock
  readonly logger: Logger
  readonly namespace: Namespace
  /** The watch wants to be on a stream. */
  attach(watcher: Watch): void
  /** The watch must leave its stream, if it is on one. */
  detach(watcher: Watch): void
  /** Someone waits for word of progress. */
  requestProgress(watcher: Watch): void
  /** The watch is over. */
  forget(watcher: Watch): void
}

/** What a new stream says about a watch it took on. */
export type Acceptance =
  | 'live'
  /** It begins after the newest revision, which would keep the server from telling progress of any watch on the stream: ask again. */
  | 'ahead'
  /** The store behind the stream may not be the one the watch was on: ask the cluster. */
  | 'verify'
  /** It is another one; the watch has ended. */
  | 'ended'

/** What is known of the store that a watch begins on, besides the options of the watch. */
export interface WatcherKnowledge {
  /** What to recognize the store by. Undefined: the events of the watch itself. */
  readonly evidence: StoreEvidence | undefined
  /** Highest raft term heard of. */
  readonly raftTerm: number
  /** Milliseconds between proofs that nothing is missing, where that is less than the service's own. */
  readonly proofEveryMs: number | undefined
}
