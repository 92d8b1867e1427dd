import type {
  Init,
  ResponseHeader,
  WatchCreateRequest,
  WatchRequest,
  WatchResponse,
} from '@livetree/etcd/wire'
import type { Clock } from '../clock.ts'
import type { KeyVersion } from '../mvcc/key-history.ts'
import { type KeyRange, keyRange } from '../mvcc/key-range.ts'
import type { MvccStore } from '../mvcc/store.ts'
import { ETCD_ERROR, GRPC_CODE, StatusError } from '../status.ts'
import { fragmentsOf } from './fragments.ts'
import type { TurnBudget } from './catch-up-queue.ts'
import { type BehindWatcher, type HistoryBatch, readKeyHistory, readSpanHistories } from './read-histories.ts'
import type { WatchHub } from './watch-hub.ts'
import { Watcher } from './watcher.ts'

/** The watch id of rejected creates, and of progress for all watches together. */
const NO_WATCH_ID = -1

const HUGE_WATCH_ID = new StatusError(
  GRPC_CODE.invalidArgument,
  'livetree embedded etcd: expected a watch id below 2^53',
)

/** Number of live watchers that are skipped at the cost of one comparison. */
const LIVE_WATCHERS_PER_LOOK = 10

/** What a watch stream needs from its server. */
export interface WatchSource {
  readonly store: MvccStore
  readonly hub: WatchHub
  readonly clock: Clock
  /** Idle time after which a watcher with `progress_notify` receives the revision, in milliseconds. */
  readonly progressIntervalMs: number
  header(revision: number): ResponseHeader
}

/** Receives the responses of a watch stream. */
export interface WatchOutput {
  /** Returns false if the client reads slowly: only control messages may follow until `drain` is called. */
  send(response: Init<WatchResponse>): boolean
  /** Ends the stream because of an error that cannot be sent as a response. */
  fail(error: unknown): void
  /** @throws StatusError if the caller may not read the range */
  assertMayWatch(range: KeyRange): void
}

/** The text of an error in gRPC's Go code, which etcd puts into a cancel reason. */
const CODE_NAMES: Readonly<Record<number, string>> = {
  3: 'InvalidArgument',
  7: 'PermissionDenied',
  11: 'OutOfRange',
  16: 'Unauthenticated',
}
function reasonOf({ code, message }: StatusError): string {
  return `rpc error: code = ${CODE_NAMES[code] ?? 'Unknown'} desc = ${message}`
}

/** Decodes the range of a create; without a key it starts at the smallest one, `\0`. */
function watchedRange({ key, rangeEnd }: WatchCreateRequest): KeyRange {
  return keyRange(key.length === 0 ? Buffer.alloc(1) : key, rangeEnd)
}

/**
 * One client's watch stream with all its watchers. A watcher receives writes as they happen. One that starts
 * in the past, or whose client reads slowly, receives them from the store's history in batches, so no events
 * are buffered for it.
 */
export class WatchStream {
  readonly #source: WatchSource
  readonly #output: WatchOutput
  readonly #watchers = new Map<number, Watcher>()
  #nextId = 0
  #isBlocked = false
  #cancelProgress: (() => void) | undefined

  readonly #catchUp = (budget: TurnBudget): void => this.#guard(() => this.#tellHistories(budget))

  constructor(source: WatchSource, output: WatchOutput) {
    this.#source = source
    this.#output = output
    source.hub.streamOpened()
  }

  receive({ request }: WatchRequest): void {
    switch (request?.type) {
      case 'create':
        this.#create(request.value)
        return
      case 'cancel':
        this.#cancel(request.value.watchId)
        return
      case 'progress':
        this.#progress([...this.#watchers.values()], NO_WATCH_ID)
    }
  }

  /** The client has caught up. */
  drain(): void {
    this.#isBlocked = false
    this.#source.hub.catchUp.add(this.#catchUp)
  }

  close(): void {
    this.#source.hub.catchUp.delete(this.#catchUp)
    this.#cancelProgress?.()
    this.#source.hub.streamClosed()
    for (const watcher of this.#watchers.values()) this.#source.hub.remove(watcher)
    this.#watchers.clear()
  }

  #create(request: WatchCreateRequest): void {
    // The id was clamped when it was decoded, so responses would carry another id.
    if (Math.abs(request.watchId) === Number.MAX_SAFE_INTEGER) throw HUGE_WATCH_ID
    const range = watchedRange(request)
    const cancelReason = this.#refusal(request, range)
    if (cancelReason !== undefined) {
      this.#sendControl({ watchId: NO_WATCH_ID, created: true, canceled: true, cancelReason })
      return
    }
    const options = {
      id: this.#idFor(request.watchId),
      range,
      startRevision: request.startRevision,
      filters: request.filters,
      wantsPrevKv: request.prevKv,
      wantsFragments: request.fragment,
      wantsProgress: request.progressNotify,
    }
    const watcher = new Watcher(options, this.#source.store.revision)
    this.#watchers.set(options.id, watcher)
    this.#source.hub.add(watcher, (told, revision, changes) => this.#deliver(told, revision, changes))
    if (options.wantsProgress) this.#startProgress()
    this.#sendControl({ watchId: options.id, created: true })
    if (watcher.state.type === 'behind') this.#source.hub.catchUp.add(this.#catchUp)
  }

  /** Why a watch is refused, in etcd's words; undefined if it is not. */
  #refusal(request: WatchCreateRequest, range: KeyRange): string | undefined {
    if (request.startRevision < 0) return ETCD_ERROR.compacted().message
    try {
      this.#output.assertMayWatch(range)
    } catch (error) {
      if (error instanceof StatusError) return reasonOf(error)
      throw error
    }
    if (range.type === 'span' && range.end !== undefined && range.start >= range.end) {
      return 'mvcc: watcher range is empty'
    }
    if (request.watchId !== 0 && this.#watchers.has(request.watchId)) {
      return 'mvcc: duplicate watch ID provided on the WatchStream'
    }
    return undefined
  }

  /** The id that the client requested, or the next unused one. */
  #idFor(wanted: number): number {
    if (wanted !== 0) return wanted
    while (this.#watchers.has(this.#nextId)) this.#nextId += 1
    this.#nextId += 1
    return this.#nextId - 1
  }

  #cancel(id: number): void {
    const watcher = this.#watchers.get(id)
    if (watcher === undefined) return
    this.#source.hub.remove(watcher)
    this.#watchers.delete(id)
    this.#sendControl({ watchId: id, canceled: true })
  }

  /** Sends the store's revision for the watchers, under the given id, if all of them have reached it. */
  #progress(watchers: readonly Watcher[], id: number): void {
    const { revision } = this.#source.store
    const isThere = ({ state, options }: Watcher) =>
      state.type === 'live' && options.startRevision <= revision
    if (watchers.length > 0 && watchers.every(isThere)) this.#sendControl({ watchId: id })
  }

  #startProgress(): void {
    if (this.#cancelProgress !== undefined) return
    const { clock, progressIntervalMs } = this.#source
    this.#cancelProgress = clock.schedule(() => {
      this.#cancelProgress = undefined
      for (const watcher of this.#watchers.values()) {
        if (!watcher.options.wantsProgress) continue
        // A client that does not read would accumulate them for no use.
        if (!watcher.hadEvents && !this.#isBlocked) this.#progress([watcher], watcher.options.id)
        watcher.hadEvents = false
        this.#startProgress()
      }
    }, progressIntervalMs)
  }

  #deliver(watcher: Watcher, revision: number, changes: readonly KeyVersion[]): void {
    if (watcher.state.type !== 'live') return
    this.#guard(() => this.#deliverLive(watcher, revision, changes))
  }

  /** Limits a failure to this stream: it affects neither the writer nor other streams. */
  #guard(tell: () => void): void {
    try {
      tell()
    } catch (error) {
      this.#output.fail(error)
    }
  }

  #deliverLive(watcher: Watcher, revision: number, changes: readonly KeyVersion[]): void {
    if (this.#isBlocked) watcher.state = { type: 'behind', from: revision }
    else this.#sendEvents(watcher, watcher.pick(changes, revision), revision)
  }

  /** Sends as much of the pending histories as the budget allows. */
  #tellHistories(budget: TurnBudget): void {
    const { store } = this.#source
    const spans: BehindWatcher[] = []
    let isThrough = true
    for (const watcher of this.#watchers.values()) {
      // Continues when `drain` is called.
      if (this.#isBlocked) return
      if (watcher.state.type !== 'behind') continue
      const behind = { watcher, from: watcher.state.from }
      if (behind.from < store.compactRevision) this.#endCompacted(watcher)
      else if (watcher.options.range.type === 'span') spans.push(behind)
      else if (budget.looks > 0) this.#sendBatch(readKeyHistory(behind, store, budget))
      if (watcher.state.type === 'behind') isThrough = false
    }
    if (!this.#isBlocked && spans.length > 0) {
      for (const batch of readSpanHistories(spans, store, budget)) this.#sendBatch(batch)
    }
    budget.looks -= this.#watchers.size / LIVE_WATCHERS_PER_LOOK
    if (!isThrough && !this.#isBlocked) this.#source.hub.catchUp.add(this.#catchUp)
  }

  /** Ends a watcher whose history is compacted. */
  #endCompacted(watcher: Watcher): void {
    watcher.state = { type: 'compacted' }
    this.#source.hub.remove(watcher)
    const { compactRevision } = this.#source.store
    // etcd sends no revision and no reason here.
    const header = this.#source.header(0)
    this.#send({ header, watchId: watcher.options.id, canceled: true, compactRevision })
  }

  #sendBatch({ watcher, changes, next }: HistoryBatch): void {
    const { revision } = this.#source.store
    watcher.state = next <= revision ? { type: 'behind', from: next } : { type: 'live' }
    this.#sendEvents(watcher, changes, revision)
  }

  #sendEvents(watcher: Watcher, changes: readonly KeyVersion[], revision: number): void {
    if (changes.length === 0) return
    watcher.hadEvents = true
    const events = watcher.eventsOf(changes, this.#source.store)
    const header = this.#source.header(revision)
    const watchId = watcher.options.id
    const fragments = watcher.options.wantsFragments ? fragmentsOf(events) : [events]
    for (const [index, part] of fragments.entries()) {
      this.#send({ header, watchId, events: part, fragment: index < fragments.length - 1 })
    }
  }

  #sendControl(fields: Init<WatchResponse>): void {
    this.#send({ header: this.#source.header(this.#source.store.revision), ...fields })
  }

  #send(response: Init<WatchResponse>): void {
    if (!this.#output.send(response)) this.#isBlocked = true
  }
}
