import type { KeyRange } from '../key-range.ts'
import type { WatchHandlers } from './watch-handlers.ts'
import type { QueueOptions, WatchOptions } from './watch-options.ts'
import type {
  ReflectedRanges,
  Reflector,
  ReflectorHandlers,
  ReflectorOptions,
} from '../reflector/reflector-types.ts'
import type { WatchReader } from './watch-reader.ts'
import type { SyncHandlers, SyncOptions, WatchSync } from './sync-contract.ts'
import type { Watcher } from './watcher.ts'

/**
 * Watches, all of them on one stream of the client.
 *
 * What a watch delivers: every change in its range from its first revision on, each once, in order, and all changes of
 * one revision in one batch, whatever happens to connections and members. It ends only by `cancel()`, when the history
 * it needs is compacted, when the cluster is another one, or when the server will not let this user watch.
 */
export interface WatchService {
  /**
   * Watches by callbacks.
   *
   * @throws EtcdError `invalid_argument` and `closed`
   */
  subscribe(range: KeyRange, handlers: WatchHandlers, options?: WatchOptions): Watcher
  /**
   * Watches by `for await`, from the moment of this call on. A reader that falls behind its bounded queue makes the
   * watch pause and catch up through the store's history later; nothing is lost. The iteration throws what ends the
   * watch, e.g. `compacted`.
   *
   * @throws EtcdError `invalid_argument` and `closed` at once
   */
  watch(range: KeyRange, options?: WatchOptions & QueueOptions): WatchReader
  /**
   * Lists, watches on from there, and lists again and compares by itself where the history is gone. Throws
   * `invalid_argument` and `closed`.
   */
  sync(range: KeyRange, handlers: SyncHandlers, options?: SyncOptions): WatchSync
  /**
   * Lists ranges at one revision, watches on from there, and lists again where the history is gone or the store is
   * another one; keeps no values. What `sync` and livetree's source stand on.
   *
   * @throws EtcdError `invalid_argument` and `closed`
   */
  reflect(ranges: ReflectedRanges, handlers: ReflectorHandlers, options?: ReflectorOptions): Reflector
  /** Watches that have not ended. */
  readonly size: number
  /** Ends all watches (their `onEnd` gets no error) and the stream. Safe to call twice. */
  close(): void
}
