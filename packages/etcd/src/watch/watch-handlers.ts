import type { EtcdError } from '../errors.ts'
import type { KeyValue, ResponseHeader } from '../wire/kv.ts'

/** One change of one key. Bytes are views of the answer they came in; copy them to keep a small one for long. */
export class WatchEvent {
  readonly type: 'put' | 'delete'
  /** On a delete only `key` and `modRevision` (the revision of the delete) are set. */
  readonly kv: KeyValue
  /** What the key held before. Only with `prevKv`, and absent for a new key or where the history is compacted. */
  readonly prevKv: KeyValue | undefined

  constructor(type: 'put' | 'delete', kv: KeyValue, prevKv: KeyValue | undefined) {
    this.type = type
    this.kv = kv
    this.prevKv = prevKv
  }

  /** The key as text (UTF-8; bytes that are not come out as U+FFFD). */
  get key(): string {
    return this.kv.key.toString()
  }

  /** The value as text; empty on a delete. */
  get text(): string {
    return this.kv.value.toString()
  }
}

/** All changes of one revision within the watched range, in the store's order. Never a part of them. */
export interface WatchBatch {
  readonly revision: number
  readonly events: readonly WatchEvent[]
  /** Of the answer that brought the last of the events. Its `revision` is the store's, not the position of this watch. */
  readonly header: ResponseHeader
}

/** Word from the server that the watch is complete. */
export interface WatchProgress {
  /** No change up to this revision is missing. */
  readonly revision: number
  /** Milliseconds since the epoch: when the store was asked or, where it spoke of its own accord, when it was heard. */
  readonly at: number
  /**
   * False on servers before 3.4.25 and 3.5.8, which answer progress requests without looking at the watch. There the
   * word is passed on only after the watch stayed quiet for a second and the server answered once more, and the
   * position of the watch does not move on it: nothing can be lost by it, but a stalled server can make it early.
   */
  readonly isExact: boolean
}

/** Where a watch stands on the server. */
export interface WatchContact {
  /** URL of the member that serves the watch. */
  readonly endpoint: string
  /** Revision of that member's store when it took the watch on. */
  readonly revision: number
  readonly clusterId: bigint
  /** The first revision not delivered yet. */
  readonly position: number
}

/**
 * What a watch tells. All optional but `onEvents`; called one at a time, in order, never after `onEnd`. A handler that
 * throws (or rejects) is logged and changes nothing else.
 */
export interface WatchHandlers {
  onEvents(batch: WatchBatch): void
  onProgress?(progress: WatchProgress): void
  /** The server has taken the watch on for the first time. */
  onCreated?(contact: WatchContact): void
  /** Contact is gone or could not be made; said again for each failed attempt. The watch goes on by itself. */
  onDisconnected?(info: {
    readonly error: EtcdError | undefined
    readonly position: number | undefined
  }): void
  /** Contact is back; what happened meanwhile follows as events. */
  onResumed?(contact: WatchContact): void
  /**
   * The history from `position` on is no longer kept: list the present state and watch again after its revision.
   * `onEnd` with code `compacted` follows. `compactRevision` is 0 where the server did not say it.
   */
  onCompacted?(info: { readonly compactRevision: number; readonly position: number }): void
  /** The endpoint now answers for another store (restored or replaced). `onEnd` with code `cluster_changed` follows. */
  onClusterChanged?(info: ClusterChange): void
  /** Exactly once, last. `error` is undefined after `cancel()`, the signal, or the client's `close()`. */
  onEnd?(error: EtcdError | undefined): void
}

/** How it was noticed that the store behind the endpoints is another one. */
export interface ClusterChange {
  readonly reason:
    | 'cluster_id'
    | 'revision_went_back'
    | 'term_went_back'
    /** After a lost connection, what the watch delivered last is not what the store holds at that revision. */
    | 'history_differs'
    /** After a lost connection, the server lets nothing be read that could show whether the store is still the same. */
    | 'unproven'
  readonly previousClusterId: bigint
  readonly clusterId: bigint
  /** The first revision of the previous store that was not delivered. */
  readonly position: number
}
