import type { EtcdError } from '../errors.ts'
import type { KeyValue, ResponseHeader } from '../wire/kv.ts'
import type { WatchBatch, WatchProgress } from './watch-handlers.ts'

/** All that the range held at one revision. */
export interface SyncSnapshot {
  readonly revision: number
  readonly kvs: readonly KeyValue[]
  readonly header: ResponseHeader
}

/** The changes of one revision; or, with `isResync`, all that changed since the last batch, whose revisions are lost. */
export interface SyncBatch extends WatchBatch {
  readonly isResync: boolean
  /** Rises by one when the store behind the endpoints became another one; `revision` may then be lower than before. */
  readonly epoch: number
}

/** What a sync tells. Called one at a time, in order; one that throws is logged and changes nothing else. */
export interface SyncHandlers {
  /** Once, first. */
  onSnapshot(snapshot: SyncSnapshot): void
  /** `prevKv` of an event is what this sync told of the key before. */
  onEvents(batch: SyncBatch): void
  onProgress?(progress: WatchProgress): void
  /** Contact is gone or could not be made; said again for each failed attempt. */
  onDisconnected?(info: { readonly error: EtcdError | undefined }): void
  /** Exactly once, last. `error` is undefined after `cancel()`, the signal, or the client's `close()`. */
  onEnd?(error: EtcdError | undefined): void
}

export interface SyncOptions {
  /** Cancels the sync. */
  readonly signal?: AbortSignal
}

/** A list kept up to date. */
export interface WatchSync {
  /** Everything up to it was told; 0 before the snapshot. */
  readonly revision: number
  cancel(): void
}
