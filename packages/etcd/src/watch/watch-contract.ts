import type { KeyRange } from '../key-range-form.ts'
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
 * Watches, multiplexed on one stream of the client.
 *
 * A watch delivers every change in its range from its first revision on: each once, in order, and all changes
 * of one revision in one batch, whatever happens to connections and members. It ends only by `cancel()`, when
 * the history it needs is compacted, when another store answers, or when the server does not permit this user
 * to watch.
 *
 * Handlers are called outside of the asynchronous context (`AsyncLocalStorage`) of whoever watches, such as a request, which a
 * watch may outlive; `AsyncResource.bind` takes it along.
 */
export interface WatchService {
  /**
   * Watches with callbacks.
   *
   * @throws EtcdError `invalid_argument`, `closed`
   */
  subscribe(range: KeyRange, handlers: WatchHandlers, options?: WatchOptions): Watcher
  /**
   * Watches with `for await`. Without a revision it begins when a server has created it, which `created` of the
   * reader says: a round trip after this call, and more if it has to connect first. If a reader falls behind its
   * bounded queue, the watch pauses and catches up from the store's history later; nothing is lost. The iteration
   * throws the error that ends the watch, e.g. `compacted`.
   *
   * @throws EtcdError `invalid_argument`, `closed`, synchronously
   */
  watch(range: KeyRange, options?: WatchOptions & QueueOptions): WatchReader
  /**
   * Lists a range, watches it from there, and lists and compares it again when the history is compacted.
   *
   * @throws EtcdError `invalid_argument`, `closed`
   */
  sync(range: KeyRange, handlers: SyncHandlers, options?: SyncOptions): WatchSync
  /**
   * Lists ranges at one revision, watches them from there, and lists them again when the history is compacted
   * or another store answers. Keeps no values. No handler is called before it has returned. `sync` and livetree's
   * source are built on it.
   *
   * @throws EtcdError `invalid_argument`, `closed`
   */
  reflect(ranges: ReflectedRanges, handlers: ReflectorHandlers, options?: ReflectorOptions): Reflector
  /** Number of watches that have not ended. */
  readonly size: number
  /** How many of them no server serves now; a watch that its reader has paused is not counted. */
  readonly waiting: number
  /** Ends all watches (`onEnd` receives no error) and the stream. Idempotent. */
  close(): void
}
