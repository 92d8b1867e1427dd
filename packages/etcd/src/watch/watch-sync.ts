import type { SyncBatch, SyncHandlers, SyncOptions, WatchSync } from './sync-contract.ts'
import { checkArgument, FUNCTION, type OptionChecks, readOptions, SIGNAL } from '../check-argument.ts'
import { type EtcdError, isFinalError } from '../errors.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { Logger } from '../logger.ts'
import { ownKeyValue } from '../reflector/listed-page.ts'
import type { ReflectedList, Reflector } from '../reflector/reflector-types.ts'
import type { KeyValue } from '../wire/kv.ts'
import { callIsolated } from '../call-isolated.ts'
import { diffLists, heldName, hold } from './resync.ts'
import { type WatchBatch, WatchEvent } from './watch-handlers.ts'
import type { WatchService } from './watch-contract.ts'

const CALL = 'Watch/Watch'

const SYNC_CHECKS: OptionChecks<SyncOptions> = { signal: SIGNAL }

/**
 * Lists a range and keeps the list up to date.
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

/** Keeps the entries that a reflector delivers, in order to report the previous ones. */
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
      // Copied, because what is kept for long must not retain the whole response.
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
    // A misconfigured endpoint may be corrected, so only errors that are final for the user end the sync.
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
