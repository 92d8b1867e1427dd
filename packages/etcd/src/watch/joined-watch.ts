import { type Clock, monotonicNow } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { Namespace } from '../key-range.ts'
import type { Logger } from '../logger.ts'
import type { StoreRecognizer } from '../reflector/store-recognizer.ts'
import type { Channel } from '../transport/transport.ts'
import { callIsolated } from '../call-isolated.ts'
import { HeldChanges, heldTooMuch } from './held-changes.ts'
import { type JoinableWatch, JoinedRange } from './joined-range.ts'
import { PendingRevisions } from './pending-revisions.ts'
import { cancelledError } from './stream-errors.ts'
import { UnchangedReads } from './unchanged-reads.ts'
import type { WatchContact, WatchHandlers } from './watch-handlers.ts'
import type { WatcherKnowledge } from './watch-host.ts'
import type { WatchOptions } from './watch-options.ts'
import { onAbort } from '../on-abort.ts'

/** What a join needs from the watch service. */
export interface JoinPorts {
  readonly channel: Channel
  readonly clock: Clock
  readonly logger: Logger
  readonly namespace: Namespace
  readonly recognizer: Pick<StoreRecognizer, 'size'>
  subscribe(
    range: KeyRange,
    handlers: WatchHandlers,
    options: WatchOptions,
    known?: WatcherKnowledge,
  ): JoinableWatch
}

/** Where a join starts. */
export type JoinOptions = Pick<WatchOptions, 'startRevision' | 'afterRevision' | 'clusterId' | 'signal'>

/** How long an answer to a progress request may take until the ranges are read instead, in milliseconds. */
const PATIENCE_MS = 300
/** For how long after its creation a watch may not be synced, so that no progress is requested, in milliseconds. */
const SYNC_MS = 250
/** How many revisions one request compares: each costs the server a walk over the ranges that are behind. */
const MOST_COMPARED = 8

/**
 * Several ranges, watched as one: every change of a revision in all of them comes in one call, in the order of
 * revisions. Each range has a watch, and all watches are on one stream. A change is passed on when every range
 * is known to have reached its revision: by a change of its own at or after it, or by progress that the stream
 * reports, which is requested at once. Where progress may overtake changes (etcd before 3.4.25 and 3.5.8), or
 * does not come (a new watch is not synced yet), the other ranges are read at the two revisions in question, and
 * an unchanged range needs no changes to be known.
 *
 * While a watch is not connected, or on another stream, nothing is passed on: it may yet find that the store is
 * another one.
 */
export class JoinedWatch {
  readonly #ports: JoinPorts
  readonly #ranges: readonly JoinedRange[]
  readonly #handlers: WatchHandlers
  readonly #reads: UnchangedReads
  readonly #awaited = new PendingRevisions()
  readonly #closing = new AbortController()
  readonly #unlisten: (() => void) | undefined
  /** All changes up to this revision were passed on. */
  #handed: number
  /** The highest revision that a caller waits for. */
  #wanted = 0
  readonly #held = new HeldChanges()
  #isTogether = false
  /** Until then, on the monotonic clock, no progress can be expected. */
  #unsyncedUntil = 0
  #hasBeenTogether = false
  #lastLoss: EtcdError | undefined | 'none' = 'none'
  #timer: unknown
  #isHandingOver = false
  #end: { readonly error: EtcdError | undefined } | undefined

  /** `known`: what is known of the store besides the options, for each range. */
  constructor(
    ports: JoinPorts,
    ranges: readonly KeyRange[],
    handlers: WatchHandlers,
    options: JoinOptions,
    known: readonly WatcherKnowledge[] = [],
  ) {
    const { startRevision = 1, afterRevision = startRevision - 1, clusterId, signal } = options
    this.#ports = ports
    this.#handlers = handlers
    this.#reads = new UnchangedReads({
      ...ports,
      clusterId,
      signal: this.#closing.signal,
      onRead: () => this.#advance(),
      onFailed: (error) => this.#onUnread(error),
    })
    this.#handed = afterRevision
    this.#ranges = ranges.map((range) => new JoinedRange(range, afterRevision))
    this.#unlisten = signal && onAbort(signal, () => this.cancel())
    if (signal?.aborted) this.cancel()
    else this.#subscribe(options, known)
  }

  #subscribe({ signal: _, ...start }: JoinOptions, known: readonly WatcherKnowledge[]): void {
    for (const [index, range] of this.#ranges.entries()) {
      if (this.#end !== undefined) return
      range.watcher = this.#ports.subscribe(range.range, this.#handlersOf(range), start, known[index])
    }
    // One of them may have ended the join before all were known here.
    if (this.#end !== undefined) for (const { watcher } of this.#ranges) watcher?.cancel()
  }

  /** The state of the whole; `live` while all watches are on one stream. */
  get state(): 'connecting' | 'live' | 'ended' {
    if (this.#end !== undefined) return 'ended'
    return this.#isTogether ? 'live' : 'connecting'
  }

  /** The highest raft term seen. */
  get raftTerm(): number {
    return Math.max(0, ...this.#ranges.map(({ watcher }) => watcher?.raftTerm ?? 0))
  }

  /** See `Watcher.reached`; exact on every server. */
  reached(revision: number, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#end !== undefined) return Promise.reject(this.#end.error ?? cancelledError())
    if (this.#handed >= revision) return Promise.resolve()
    const promise = this.#awaited.add(revision, options.signal)
    this.#wanted = Math.max(this.#wanted, revision)
    this.#advance()
    return promise
  }

  cancel(): void {
    this.#finish(undefined)
  }

  #handlersOf(range: JoinedRange): Required<Omit<WatchHandlers, 'onCompacted'>> {
    const onContact = (contact: WatchContact) => this.#onContact(range, contact)
    return {
      onEvents: (batch) => {
        if (!range.push(batch)) return
        this.#held.add(batch)
        this.#advance()
      },
      onProgress: (progress) => {
        range.progress = progress
        this.#advance()
        this.#reportProgress()
      },
      onCreated: onContact,
      onResumed: onContact,
      onDisconnected: ({ error }) => this.#onDisconnected(error),
      onClusterChanged: (change) => {
        if (this.#end === undefined) this.#tell((handlers) => handlers.onClusterChanged?.(change))
      },
      onEnd: (error) =>
        this.#finish(error?.code === 'permission_denied' ? error.with({ range: range.range }) : error),
    }
  }

  #onContact({ watcher }: JoinedRange, contact: WatchContact): void {
    for (const { watcher: other } of this.#ranges) {
      if (other?.state !== 'live' || other.lastStream === watcher?.lastStream) continue
      // Moves to the newest stream.
      other.pause()
      other.resume()
    }
    const isTogether = this.#ranges.every(
      (each) => each.watcher?.state === 'live' && each.watcher.lastStream === watcher?.lastStream,
    )
    if (!isTogether || this.#end !== undefined) return
    this.#isTogether = true
    this.#unsyncedUntil = monotonicNow(this.#ports.clock) + SYNC_MS
    this.#lastLoss = 'none'
    const name = this.#hasBeenTogether ? 'onResumed' : 'onCreated'
    this.#hasBeenTogether = true
    this.#tell((handlers) => handlers[name]?.({ ...contact, position: this.#handed + 1 }))
    this.#advance()
  }

  #onDisconnected(error: EtcdError | undefined): void {
    this.#isTogether = false
    this.#rest()
    for (const range of this.#ranges) range.progress = undefined
    // The end of a stream is reported by each of its watches.
    if (error === this.#lastLoss) return
    this.#lastLoss = error
    this.#tell((handlers) => handlers.onDisconnected?.({ error, position: this.#handed + 1 }))
  }

  #reportProgress(): void {
    const reports = this.#ranges.flatMap(({ progress }) => progress ?? [])
    if (reports.length < this.#ranges.length || !this.#isTogether) return
    for (const range of this.#ranges) range.progress = undefined
    const progress = {
      revision: Math.min(...reports.map(({ revision }) => revision)),
      at: Math.min(...reports.map(({ at }) => at)),
      isExact: reports.every(({ isExact }) => isExact),
    }
    this.#tell((handlers) => handlers.onProgress?.(progress))
  }

  /** Passes on what is known of every range, and finds out about the ranges that others wait for. */
  #advance(): void {
    if (!this.#isTogether || this.#isHandingOver) return
    this.#isHandingOver = true
    let next = this.#next()
    while (next !== undefined && this.#isTogether && this.#isKnownAt(next)) {
      this.#handOver(next)
      next = this.#next()
    }
    this.#isHandingOver = false
    if (!this.#isTogether) return
    const common = Math.min(...this.#ranges.map(({ reached }) => reached))
    this.#handed = Math.max(this.#handed, common)
    this.#awaited.settle(this.#handed)
    if (next === undefined) this.#rest()
    else if (this.#held.isTooMuch && this.#waiting(2).length > 1) this.#finish(heldTooMuch())
    else this.#ask()
  }

  /** The next revision to pass on, or to reach for a caller; undefined if nothing waits. */
  #next(): number | undefined {
    const [next] = this.#waiting(1)
    return next
  }

  /** The first revisions with changes that wait, and the one that a caller waits for. */
  #waiting(most: number): readonly number[] {
    const revisions = new Set(this.#ranges.flatMap((range) => range.revisions(most)))
    if (this.#wanted > this.#handed) revisions.add(this.#wanted)
    return [...revisions].sort((a, b) => a - b).slice(0, most)
  }

  #isKnownAt(revision: number): boolean {
    return this.#ranges.every((range) => range.isKnownAt(revision))
  }

  #handOver(revision: number): void {
    const parts = this.#ranges.flatMap((range) => range.take(revision) ?? [])
    for (const part of parts) this.#held.remove(part)
    for (const range of this.#ranges) range.passedOn(revision)
    this.#handed = revision
    const header = parts.at(-1)?.header
    if (header === undefined) return
    const batch = { revision, events: parts.flatMap(({ events }) => events), header }
    this.#tell((handlers) => handlers.onEvents(batch))
  }

  #ask(): void {
    const target = Math.max(this.#wanted, ...this.#ranges.map(({ tail }) => tail?.revision ?? 0))
    const behind = this.#ranges.filter(({ reached }) => reached < target)
    const isOrdered = behind.every(({ watcher }) => watcher?.isProgressOrdered !== false)
    if (isOrdered) for (const range of behind) range.ask(target)
    if (!isOrdered || monotonicNow(this.#ports.clock) < this.#unsyncedUntil) this.#read(false)
    const handed = this.#handed
    this.#timer ??= this.#ports.clock.setTimeout(() => {
      this.#timer = undefined
      if (this.#handed === handed) this.#read(true)
      this.#advance()
    }, PATIENCE_MS)
  }

  #rest(): void {
    this.#ports.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Reads at which of the first revisions that wait the other ranges are unchanged. */
  #read(isAgain: boolean): void {
    if (this.#end === undefined) this.#reads.ask(this.#ranges, this.#waiting(MOST_COMPARED), isAgain)
  }

  /** Everything else is tried again when the timer fires, or the stream ends as well. */
  #onUnread(error: EtcdError): void {
    if (error.code === 'compacted') this.#finish(error)
    if (error.code === 'future_revision') this.#finish(new EtcdError('cluster_changed', { call: 'KV/Txn' }))
  }

  #finish(error: EtcdError | undefined): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#isTogether = false
    this.#rest()
    this.#unlisten?.()
    this.#closing.abort(error ?? cancelledError())
    for (const { watcher } of this.#ranges) watcher?.cancel()
    this.#awaited.fail(error ?? cancelledError())
    this.#tell((handlers) => handlers.onEnd?.(error))
  }

  #tell(call: (handlers: WatchHandlers) => void): void {
    callIsolated(
      () => call(this.#handlers),
      (error) => this.#ports.logger.error('A handler of a joined watch failed', { error }),
    )
  }
}
