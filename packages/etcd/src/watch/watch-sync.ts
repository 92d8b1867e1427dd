import { checkArgument, FUNCTION, type OptionChecks, readOptions, SIGNAL } from '../check-argument.ts'
import { type EtcdError, isFinalError } from '../errors.ts'
import type { KeyRange } from '../key-range.ts'
import type { Logger } from '../logger.ts'
import { ownKeyValue } from '../reflector/listed-page.ts'
import type { ReflectedList, Reflector } from '../reflector/reflector-types.ts'
import type { KeyValue, ResponseHeader } from '../wire/kv.ts'
import { callIsolated } from '../call-isolated.ts'
import { diffLists, heldName, hold } from './resync.ts'
import { type WatchBatch, WatchEvent, type WatchProgress } from './watch-handlers.ts'
import type { WatchService } from './watch-service.ts'

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

const CALL = 'Watch/Watch'

const SYNC_CHECKS: OptionChecks<SyncOptions> = { signal: SIGNAL }

/**
 * Starts to list and watch a range.
 *
 * @throws EtcdError `invalid_argument`, `closed`
 */
export function openSync(
  service: Pick<WatchService, 'reflect'>,
  logger: Logger,
  range: KeyRange,
  handlers: SyncHandlers,
  options: SyncOptions | undefined,
): WatchSync {
  const given = readOptions(CALL, SYNC_CHECKS, options)
  const { onSnapshot, onEvents } = (handlers ?? {}) as Partial<SyncHandlers>
  checkArgument(CALL, 'onSnapshot', FUNCTION, onSnapshot)
  checkArgument(CALL, 'onEvents', FUNCTION, onEvents)
  return new KeptList(service, logger, range, handlers, given)
}

/** Keeps what a reflector lists and follows, so that it can tell what was there before. */
class KeptList implements WatchSync {
  readonly #handlers: SyncHandlers
  readonly #logger: Logger
  readonly #reflector: Reflector
  #listing: KeyValue[] = []
  #held: Map<string, KeyValue> | undefined
  #error: EtcdError | undefined

  constructor(
    service: Pick<WatchService, 'reflect'>,
    logger: Logger,
    range: KeyRange,
    handlers: SyncHandlers,
    options: SyncOptions,
  ) {
    this.#handlers = handlers
    this.#logger = logger
    this.#reflector = service.reflect(
      { ranges: [range] },
      {
        onListing: () => {
          this.#listing = []
        },
        onPage: (_, page) => {
          for (const kv of page.entries()) this.#listing.push(kv)
        },
        onList: (list) => this.#onList(list),
        onBatch: (batch) => this.#onBatch(batch),
        onProgress: (progress) => this.#notify(() => this.#handlers.onProgress?.(progress)),
        onLost: (error, isFinal) => this.#onLost(error, isFinal),
        onEnd: () => this.#onEnd(),
      },
      options,
    )
  }

  get revision(): number {
    return this.#reflector.revision
  }

  cancel(): void {
    this.#reflector.cancel()
  }

  #onList({ revision, epoch, isResync, knownRevision, header }: ReflectedList): void {
    const kvs = this.#listing
    const before = this.#held ?? new Map<string, KeyValue>()
    const held = hold(kvs)
    this.#listing = []
    this.#held = held
    if (!isResync) {
      this.#notify(() => this.#handlers.onSnapshot({ revision, kvs, header }))
      return
    }
    const events = diffLists(before, held, revision, knownRevision > 0)
    if (events.length > 0) this.#emit({ revision, events, header, isResync: true, epoch })
  }

  #onBatch(batch: WatchBatch): void {
    const held = this.#held!
    const events = batch.events.map(({ type, kv: view }) => {
      // what is kept for long must not keep the answer it came in
      const kv = ownKeyValue(view)
      const name = heldName(kv.key)
      const prevKv = held.get(name)
      if (type === 'put') held.set(name, kv)
      else held.delete(name)
      return new WatchEvent(type, kv, prevKv)
    })
    this.#emit({ ...batch, events, isResync: false, epoch: this.#reflector.epoch })
  }

  #onLost(error: EtcdError | undefined, isFinal: boolean): void {
    // what is set up wrongly may be mended; only who may not read at all need not go on
    if (isFinal && isFinalError(error)) {
      this.#error = error
      this.#reflector.cancel()
    } else this.#notify(() => this.#handlers.onDisconnected?.({ error }))
  }

  #onEnd(): void {
    this.#held = undefined
    this.#listing = []
    this.#notify(() => this.#handlers.onEnd?.(this.#error))
  }

  #emit(batch: SyncBatch): void {
    this.#notify(() => this.#handlers.onEvents(batch))
  }

  #notify(call: () => unknown): void {
    callIsolated(call, (error) => this.#logger.error('A handler of a watch sync failed', { error }))
  }
}
