import type { Clock } from '../clock.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { Namespace } from '../key-range.ts'
import type { Logger } from '../logger.ts'
import type { Channel } from '../transport/transport.ts'
import type { WatchHandlers } from '../watch/watch-handlers.ts'
import type { WatcherKnowledge } from '../watch/watch-host.ts'
import type { WatchOptions } from '../watch/watch-options.ts'
import type { WatchState } from '../watch/watch-state.ts'
import type { Reflector } from './reflector-types.ts'
import type { StoreRecognizer } from './store-recognizer.ts'

/** What a reflector needs from the watch service. */
export interface ReflectorPorts {
  readonly channel: Channel
  readonly clock: Clock
  readonly logger: Logger
  readonly namespace: Namespace
  readonly recognizer: StoreRecognizer
  subscribe(
    range: KeyRange,
    handlers: WatchHandlers,
    options: WatchOptions,
    known?: WatcherKnowledge,
  ): WatchState
  /** Called when the reflector was cancelled. */
  onEnded(reflector: Reflector): void
}

/** The watch of one range, or of several as one. */
export type FollowingWatch = Pick<WatchState, 'state' | 'raftTerm' | 'reached' | 'cancel'>
