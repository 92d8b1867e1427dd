import { type Clock, systemClock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { type KeyRange, Namespace } from '../key-range.ts'
import { type Logger, silentLogger } from '../logger.ts'
import type { Channel } from '../transport/transport.ts'
import type { WatchHandlers } from './watch-handlers.ts'
import { WatchLink } from './watch-link.ts'
import {
  planWatch,
  type QueueOptions,
  resolveWatchSettings,
  type WatchOptions,
  type WatchSettings,
} from './watch-options.ts'
import { openReader, type WatchReader } from './watch-reader.ts'
import { openSync, type SyncHandlers, type SyncOptions, type WatchSync } from './watch-sync.ts'
import type { Watcher } from './watcher.ts'
import { WatcherCore, type WatcherHost } from './watcher-core.ts'

/** What `createWatchService` takes besides the channel. */
export interface WatchServiceOptions extends WatchSettings {
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Default: silent. */
  readonly logger?: Logger
  /** All keys lie under it. Default: none. */
  readonly namespace?: Namespace
}

/**
 * Watches, all of them on one stream of the client.
 *
 * What a watch delivers: every change in its range from its first revision on, each once, in order, and all changes of
 * one revision in one batch, whatever happens to connections and members. It ends only by `cancel()`, when the history
 * it needs is compacted, when the cluster is another one, or when the server will not let this user watch.
 */
export interface WatchService {
  /** Watches by callbacks. Throws `invalid_argument` and `closed`. */
  subscribe(range: KeyRange, handlers: WatchHandlers, options?: WatchOptions): Watcher
  /**
   * Watches by `for await`, from the moment of this call on. A reader that falls behind its bounded queue makes the
   * watch pause and catch up through the store's history later; nothing is lost. The iteration throws what ends the
   * watch, e.g. `compacted`. Throws `invalid_argument` and `closed` at once.
   */
  watch(range: KeyRange, options?: WatchOptions & QueueOptions): WatchReader
  /** Lists, watches on from there, and lists again and compares by itself where the history is gone. */
  sync(range: KeyRange, handlers: SyncHandlers, options?: SyncOptions): WatchSync
  /** Watches that have not ended. */
  readonly size: number
  /** Ends all watches (their `onEnd` gets no error) and the stream. Safe to call twice. */
  close(): void
}

/** Makes the watch service of a client. No I/O before the first watch. Throws `invalid_option`. */
export const createWatchService = (channel: Channel, options: WatchServiceOptions = {}): WatchService => {
  const { clock = systemClock, logger = silentLogger, namespace = new Namespace() } = options
  const settings = resolveWatchSettings(options)
  const watchers = new Set<WatcherCore>()
  const syncs = new Set<WatchSync>()
  const link = new WatchLink({ channel, clock, logger, settings, watchers: () => watchers })
  const host: WatcherHost = {
    clock,
    logger,
    namespace,
    attach: (watcher) => link.attach(watcher),
    detach: (watcher) => link.detach(watcher),
    hurry: () => link.hurry(),
    forget: (watcher) => watchers.delete(watcher),
  }
  const service: WatchService = {
    subscribe(range, handlers, given = {}) {
      if (link.isClosed) throw new EtcdError('closed', { call: 'Watch/Watch' })
      const watcher = new WatcherCore(planWatch(range, given, namespace), handlers, host, given.signal)
      watchers.add(watcher)
      if (given.signal?.aborted) watcher.cancel()
      else link.attach(watcher)
      return watcher
    },
    watch: (range, given = {}) => openReader((handlers) => service.subscribe(range, handlers, given), given),
    sync(range, handlers, given = {}) {
      if (link.isClosed) throw new EtcdError('closed', { call: 'Watch/Watch' })
      const onEnded = (ended: WatchSync) => syncs.delete(ended)
      const sync = openSync({ channel, clock, logger, namespace, service, onEnded }, range, handlers, given)
      if (!given.signal?.aborted) syncs.add(sync)
      return sync
    },
    get size() {
      return watchers.size
    },
    close() {
      link.close()
      for (const sync of [...syncs]) sync.cancel()
      for (const watcher of [...watchers]) watcher.end(undefined)
    },
  }
  return service
}
