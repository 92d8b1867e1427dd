import { type Clock, keepRunning } from '../clock.ts'
import { EtcdError, isFinalError } from '../errors.ts'
import type { KeyRange, Namespace } from '../key-range.ts'
import type { Logger } from '../logger.ts'
import type { Channel } from '../transport/transport.ts'
import type { KeyValue, ResponseHeader } from '../wire/kv.ts'
import { KV } from '../wire/rpc.ts'
import { asEtcdError } from './as-etcd-error.ts'
import { callIsolated } from './call-isolated.ts'
import { diffLists, heldName, hold } from './resync.ts'
import { type WatchBatch, WatchEvent, type WatchProgress } from './watch-handlers.ts'
import type { WatchService } from './watch-service.ts'
import type { Watcher } from './watcher.ts'

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

interface SyncPorts {
  readonly channel: Channel
  readonly service: WatchService
  readonly clock: Clock
  readonly logger: Logger
  readonly namespace: Namespace
  /** The sync is over. */
  onEnded(sync: WatchSync): void
}

type SyncState =
  | { readonly type: 'listing'; readonly abort: AbortController }
  | { readonly type: 'waiting'; readonly timer: unknown }
  | { readonly type: 'watching'; readonly watcher: Watcher }
  | { readonly type: 'ended' }

/** Starts to list and watch a range. Throws `invalid_argument`. */
export const openSync = (
  ports: SyncPorts,
  range: KeyRange,
  handlers: SyncHandlers,
  options: SyncOptions = {},
): WatchSync => new ListAndWatch(ports, range, handlers, options.signal)

class ListAndWatch implements WatchSync {
  readonly #ports: SyncPorts
  readonly #range: KeyRange
  readonly #handlers: SyncHandlers
  readonly #unlisten: () => void
  #state: SyncState = { type: 'ended' }
  #held: Map<string, KeyValue> | undefined
  #clusterId = 0n
  #epoch = 0
  #attempt = 0
  #revision = 0

  constructor(ports: SyncPorts, range: KeyRange, handlers: SyncHandlers, signal: AbortSignal | undefined) {
    this.#ports = ports
    this.#range = range
    this.#handlers = handlers
    const onAbort = () => this.cancel()
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#unlisten = () => signal?.removeEventListener('abort', onAbort)
    this.#list()
    if (signal?.aborted) this.cancel()
  }

  get revision(): number {
    return this.#revision
  }

  cancel(): void {
    this.#end(undefined)
  }

  #list(): void {
    const abort = new AbortController()
    const state: SyncState = { type: 'listing', abort }
    this.#state = state
    const request = this.#ports.namespace.range(this.#range)
    this.#ports.channel.unary(KV.range, request, { retry: 'read', signal: abort.signal }).then(
      ({ header, kvs }) => {
        if (this.#state !== state) return
        if (header === undefined) this.#onListFailed(new EtcdError('malformed_message', { call: 'KV/Range' }))
        else this.#onList(header, kvs)
      },
      (error: unknown) => {
        if (this.#state === state) this.#onListFailed(asEtcdError(error, 'KV/Range'))
      },
    )
  }

  #onListFailed(error: EtcdError): void {
    if (isFinalError(error)) {
      this.#end(error)
      return
    }
    const { clock, channel } = this.#ports
    const timer = clock.setTimeout(() => this.#list(), channel.backoffMs(this.#attempt))
    this.#attempt += 1
    this.#state = { type: 'waiting', timer: keepRunning(timer) }
    this.#tell(() => this.#handlers.onDisconnected?.({ error }))
  }

  #onList(header: ResponseHeader, stored: readonly KeyValue[]): void {
    this.#attempt = 0
    const { namespace } = this.#ports
    const kvs = stored.map((kv) => ({ ...kv, key: namespace.strip(kv.key) }))
    const before = this.#held
    const held = hold(kvs)
    const isSameCluster = this.#clusterId === header.clusterId
    const isLater = isSameCluster && header.revision > this.#revision
    const events = before === undefined ? [] : diffLists(before, held, header.revision, isLater)
    // at one revision a store holds one thing: where it is another, the history is, as after a restore
    const isSameStore =
      isLater || (isSameCluster && header.revision === this.#revision && events.length === 0)
    if (before !== undefined && !isSameStore) this.#epoch += 1
    this.#held = held
    this.#clusterId = header.clusterId
    this.#revision = header.revision
    // Watching before telling: a handler that cancels finds something to cancel.
    try {
      this.#watch(header)
    } catch (error) {
      this.#end(asEtcdError(error, 'Watch/Watch'))
      return
    }
    if (before === undefined) {
      this.#tell(() => this.#handlers.onSnapshot({ revision: header.revision, kvs, header }))
      return
    }
    if (events.length > 0) this.#emit({ revision: header.revision, events, header }, true)
  }

  #watch({ revision: afterRevision, clusterId }: ResponseHeader): void {
    const watcher = this.#ports.service.subscribe(
      this.#range,
      {
        onEvents: (batch) => this.#onBatch(batch),
        onProgress: (progress) => {
          if (progress.isExact) this.#revision = Math.max(this.#revision, progress.revision)
          this.#tell(() => this.#handlers.onProgress?.(progress))
        },
        onDisconnected: ({ error }) => this.#tell(() => this.#handlers.onDisconnected?.({ error })),
        onEnd: (error) => {
          if (this.#state.type !== 'watching') return
          if (error?.code === 'compacted' || error?.code === 'cluster_changed') this.#list()
          else this.#end(error)
        },
      },
      { afterRevision, clusterId },
    )
    this.#state = { type: 'watching', watcher }
  }

  #onBatch(batch: WatchBatch): void {
    const held = this.#held!
    const events = batch.events.map((event) => {
      const name = heldName(event.kv.key)
      const prevKv = held.get(name)
      if (event.type === 'put') held.set(name, event.kv)
      else held.delete(name)
      return new WatchEvent(event.type, event.kv, prevKv)
    })
    this.#revision = batch.revision
    this.#emit({ ...batch, events }, false)
  }

  #emit(batch: WatchBatch, isResync: boolean): void {
    this.#tell(() => this.#handlers.onEvents({ ...batch, isResync, epoch: this.#epoch }))
  }

  #end(error: EtcdError | undefined): void {
    const state = this.#state
    if (state.type === 'ended') return
    this.#state = { type: 'ended' }
    this.#unlisten()
    if (state.type === 'listing') state.abort.abort()
    if (state.type === 'waiting') this.#ports.clock.clearTimeout(state.timer)
    if (state.type === 'watching') state.watcher.cancel()
    this.#ports.onEnded(this)
    this.#tell(() => this.#handlers.onEnd?.(error))
  }

  #tell(call: () => unknown): void {
    callIsolated(call, (error) => this.#ports.logger.error('A handler of a watch sync failed', { error }))
  }
}
