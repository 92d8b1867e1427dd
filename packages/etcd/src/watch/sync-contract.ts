import type { EtcdError } from '../errors.ts'
import type { KeyValue, ResponseHeader } from '../wire/kv.ts'
import type { WatchBatch, WatchProgress } from './watch-handlers.ts'

/** The complete contents of the range at one revision. */
export interface SyncSnapshot {
  readonly revision: number
  readonly kvs: readonly KeyValue[]
  readonly header: ResponseHeader
}

/**
 * The changes of one revision; with `isResync`, all differences since the last batch, without their
 * revisions.
 */
export interface SyncBatch extends WatchBatch {
  readonly isResync: boolean
  /** Increments when another store answers at the endpoints; `revision` may then be lower than before. */
  readonly epoch: number
}

/**
 * Callbacks of a sync, called one at a time and in order. An exception in one is logged and has no other
 * effect.
 */
export interface SyncHandlers {
  /** Called once, first. */
  onSnapshot(snapshot: SyncSnapshot): void
  /** An event's `prevKv` is the entry this sync reported for the key before. */
  onEvents(batch: SyncBatch): void
  onProgress?(progress: WatchProgress): void
  /** The connection is lost or could not be established; called again for each failed attempt. */
  onDisconnected?(info: { readonly error: EtcdError | undefined }): void
  /**
   * Called exactly once, last. `error` is undefined after `cancel()`, the signal, or the client's `close()`.
   */
  onEnd?(error: EtcdError | undefined): void
}

/** Options of `client.watch.sync`. */
export interface SyncOptions {
  /** Cancels the sync. */
  readonly signal?: AbortSignal
}

/** A list that is kept up to date. */
export interface WatchSync {
  /** Everything up to this revision was delivered; 0 before the snapshot. */
  readonly revision: number
  cancel(): void
}
