import type { WatchService } from './watch-contract.ts'
import { checkArgument, FUNCTION, readOptions } from '../check-argument.ts'
import { type Clock, systemClock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import type { KeyRange } from '../key-range-form.ts'
import { Namespace } from '../key-range.ts'
import { type Logger, silentLogger } from '../logger.ts'
import { outside } from '../outside.ts'
import type { Channel } from '../transport/transport.ts'
import type { WatchHandlers } from './watch-handlers.ts'
import { WatchConnections } from './watch-connections.ts'
import {
  planWatch,
  READER_CHECKS,
  resolveWatchSettings,
  WATCH_CHECKS,
  type WatchOptions,
  type WatchSettings,
} from './watch-options.ts'
import { REFLECTOR_CHECKS } from '../reflector/reflection-plan.ts'
import { ListAndWatch } from '../reflector/reflector.ts'
import type { ReflectorPorts } from '../reflector/reflector-ports.ts'
import type { Reflector, ReflectorHandlers } from '../reflector/reflector-types.ts'
import { openReader } from './watch-reader.ts'
import { openSync } from './watch-sync.ts'
import { StoreRecognizer } from '../reflector/store-recognizer.ts'
import type { WatcherHost, WatcherKnowledge } from './watch-host.ts'
import { isConnecting } from './watch-questions.ts'
import { WatchState } from './watch-state.ts'

/** Settings of `createWatchService` besides the channel. */
export interface WatchServiceOptions extends WatchSettings {
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Default: silent. */
  readonly logger?: Logger
  /** Prefix of all keys. Default: none. */
  readonly namespace?: Namespace
}

const CALL = 'Watch/Watch'

function closedError(): EtcdError {
  return new EtcdError('closed', { call: CALL })
}

/**
 * Creates the watch service of a client. It makes no I/O before the first watch.
 *
 * @throws EtcdError `invalid_option`
 */
export function createWatchService(channel: Channel, options: WatchServiceOptions = {}): WatchService {
  const { clock = systemClock, logger = silentLogger, namespace = new Namespace() } = options
  const settings = resolveWatchSettings(options)
  const watchers = new Set<WatchState>()
  const reflectors = new Map<Reflector, ListAndWatch>()
  const recognizer = new StoreRecognizer(channel)
  const connections = new WatchConnections({ channel, recognizer, clock, logger, settings })
  const host: WatcherHost<WatchState> = {
    clock,
    logger,
    namespace,
    attach: (watcher) => outside(() => connections.attach(watcher)),
    detach: (watcher) => outside(() => connections.detach(watcher)),
    requestProgress: (watcher, isUrgent) => outside(() => connections.requestProgress(watcher, isUrgent)),
    forget: (watcher) => watchers.delete(watcher),
  }
  const subscribe = (
    range: KeyRange,
    handlers: WatchHandlers,
    given: WatchOptions,
    known?: WatcherKnowledge,
  ): WatchState => {
    if (connections.isClosed) throw closedError()
    const watcher = new WatchState(planWatch(range, given, namespace), handlers, host, given.signal, known)
    watchers.add(watcher)
    if (given.signal?.aborted) watcher.cancel()
    else host.attach(watcher)
    return watcher
  }
  const service: WatchService = {
    subscribe(range, handlers, options) {
      const given = readOptions(CALL, WATCH_CHECKS, options)
      checkArgument(CALL, 'onEvents', FUNCTION, (handlers as Partial<WatchHandlers> | undefined)?.onEvents)
      return subscribe(range, handlers, given)
    },
    watch(range, options) {
      const given = readOptions(CALL, READER_CHECKS, options)
      return openReader((handlers) => subscribe(range, handlers, given), given)
    },
    sync: (range, handlers, options) => openSync(service, logger, range, handlers, options),
    reflect(ranges, handlers, options) {
      const given = readOptions(CALL, REFLECTOR_CHECKS, options)
      const { onPage, onList, onBatch } = (handlers ?? {}) as Partial<ReflectorHandlers>
      for (const [name, handler] of Object.entries({ onPage, onList, onBatch }))
        checkArgument(CALL, name, FUNCTION, handler)
      if (connections.isClosed) throw closedError()
      const ports: ReflectorPorts = {
        channel,
        clock,
        logger,
        namespace,
        recognizer,
        subscribe,
        onEnded: (ended) => reflectors.delete(ended),
      }
      const reflector = outside(() => new ListAndWatch(ports, ranges, handlers, given))
      if (!given.signal?.aborted) reflectors.set(reflector, reflector)
      return reflector
    },
    get size() {
      return watchers.size
    },
    get waiting() {
      return [...watchers].filter(isConnecting).length
    },
    close() {
      connections.close()
      for (const reflector of [...reflectors.values()]) reflector.end(closedError())
      for (const watcher of [...watchers]) watcher.end(undefined, closedError())
    },
  }
  return service
}
