import type { EtcdError } from '../errors.ts'
import type { KeyValue, ResponseHeader } from '../wire/kv.ts'

/** One change of one key. Bytes are views of the whole response; copy them to keep a few for long. */
export class WatchEvent {
  readonly type: 'put' | 'delete'
  /** On a delete only `key` and `modRevision` (the revision of the delete) are set. */
  readonly kv: KeyValue
  /**
   * The previous entry. Only with `prevKv`, and absent for a new key, if it is compacted, or, rarely, in the
   * first changes after the watch is created or resumed: etcd starts a watch before it notes the option.
   */
  readonly prevKv: KeyValue | undefined

  constructor(type: 'put' | 'delete', kv: KeyValue, prevKv: KeyValue | undefined) {
    this.type = type
    this.kv = kv
    this.prevKv = prevKv
  }

  /** The key as UTF-8 text; invalid bytes become U+FFFD. */
  get key(): string {
    return this.kv.key.toString()
  }

  /** The value as text; empty on a delete. */
  get text(): string {
    return this.kv.value.toString()
  }
}

/** All changes of one revision within the watched range, in the store's order. Never incomplete. */
export interface WatchBatch {
  readonly revision: number
  readonly events: readonly WatchEvent[]
  /**
   * Header of the response with the last of the events. Its `revision` is the store's, not the position of
   * this watch.
   */
  readonly header: ResponseHeader
  /**
   * Only of ranges that are joined: the events are of earlier revisions, which were passed on without them because they
   * have undone each other: keys that were put and deleted. `revision` is the one that was passed on last.
   */
  readonly isUndone?: boolean
}

/** A confirmation that the watch is complete up to a revision. */
export interface WatchProgress {
  /** All changes up to this revision have been delivered. */
  readonly revision: number
  /**
   * Milliseconds since the epoch: when progress was requested or, if the server sent it unasked, when it was
   * received.
   */
  readonly at: number
  /**
   * False on servers before 3.4.25 and 3.5.8, whose progress answers can overtake changes. They are reported
   * only after the watch was quiet for a second and the server answered once more, and do not move the
   * position of the watch: nothing is lost, but a stalled server can make the report early.
   */
  readonly isExact: boolean
}

/** The connection of a watch to a server. */
export interface WatchContact {
  /** URL of the member that serves the watch. */
  readonly endpoint: string
  /** Revision of that member's store when it accepted the watch. */
  readonly revision: number
  readonly clusterId: bigint
  /** The first revision not yet delivered. */
  readonly position: number
}

/**
 * Callbacks of a watch. All but `onEvents` are optional. They are called one at a time and in order, never
 * after `onEnd`. An exception or a rejection in one is logged and has no other effect.
 */
export interface WatchHandlers {
  onEvents(batch: WatchBatch): void
  onProgress?(progress: WatchProgress): void
  /** The server accepted the watch for the first time. */
  onCreated?(contact: WatchContact): void
  /**
   * The connection is lost or could not be established; called again for each failed attempt. The watch
   * reconnects.
   */
  onDisconnected?(info: {
    readonly error: EtcdError | undefined
    readonly position: number | undefined
  }): void
  /** The watch is connected again; what changed meanwhile follows as events. */
  onResumed?(contact: WatchContact): void
  /**
   * The history from `position` on is compacted: list the current state and watch again from its revision.
   * `onEnd` with code `compacted` follows. `compactRevision` is 0 if the server did not report it.
   */
  onCompacted?(info: { readonly compactRevision: number; readonly position: number }): void
  /**
   * Another store (restored or replaced) answers at the endpoint. `onEnd` with code `cluster_changed`
   * follows.
   */
  onClusterChanged?(info: ClusterChange): void
  /**
   * Called exactly once, last. `error` is undefined after `cancel()`, the signal, or the client's `close()`.
   */
  onEnd?(error: EtcdError | undefined): void
}

/** How another store was detected at the endpoints. */
export interface ClusterChange {
  readonly reason:
    | 'cluster_id'
    | 'revision_went_back'
    | 'term_went_back'
    /** After a reconnect, the store's state at the last known revision differs from what was delivered. */
    | 'history_differs'
    /** After a reconnect, the server permits no read that could verify the store. */
    | 'unproven'
  readonly previousClusterId: bigint
  readonly clusterId: bigint
  /** The first revision of the previous store that was not delivered. */
  readonly position: number
}
