import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { StoreRecognizer } from '../reflector/store-recognizer.ts'
import type { Channel } from '../transport/transport.ts'
import type { WatchSettings } from './watch-options.ts'
import type { WatchState } from './watch-state.ts'

/** What a connection needs from the service. */
export interface ConnectionPorts {
  readonly channel: Channel
  readonly recognizer: StoreRecognizer
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: Required<WatchSettings>
  /** The watches of this connection that have not ended. */
  watchers(): Iterable<WatchState>
  /** True if the watch is one of them. */
  has(watcher: WatchState): boolean
  /**
   * The stream's token is outdated, but other watches still use the stream: moves this watch to another
   * connection.
   */
  onStaleToken(watcher: WatchState): void
  /** Moves the watches, none of which is on a stream, to the next connection; false if there is none. */
  handOver(): boolean
}
