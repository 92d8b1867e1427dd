import { type Clock, monotonicNow } from '../clock.ts'
import { EtcdError, isFinalError } from '../errors.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { Namespace } from '../key-range.ts'
import type { Logger } from '../logger.ts'
import type { StoreRecognizer } from '../reflector/store-recognizer.ts'
import type { Channel } from '../transport/transport.ts'
import { HeldChanges, heldTooMuch } from './held-changes.ts'
import { JoinReports } from './join-reports.ts'
import { JoinedFreshness } from './joined-freshness.ts'
import type { JoinableWatch, JoinedRange } from './joined-range.ts'
import { JoinedRanges } from './joined-ranges.ts'
import { PendingRevisions } from './pending-revisions.ts'
import { cancelledError } from './stream-errors.ts'
import { UnchangedReads } from './unchanged-reads.ts'
import type { WatchBatch, WatchContact, WatchHandlers } from './watch-handlers.ts'
import type { WatcherKnowledge } from './watch-host.ts'
import type { WatchOptions } from './watch-options.ts'
import { onAbort } from '../on-abort.ts'

/** What a join needs from the watch service. */
export interface JoinPorts {
  readonly channel: Channel
  readonly clock: Clock
  readonly logger: Logger
  readonly namespace: Namespace
  readonly recognizer: Pick<StoreRecognizer, 'size' | 'txns'>
  subscribe(
    range: KeyRange,
    handlers: WatchHandlers,
    options: WatchOptions,
    known?: WatcherKnowledge,
  ): JoinableWatch
}

/** Where a join starts. */
export type JoinOptions = Pick<WatchOptions, 'startRevision' | 'afterRevision' | 'clusterId' | 'signal'>

/** Errors of reads that end a join, so that the ranges are listed again. */
const ENDING: ReadonlySet<string> = new Set(['compacted', 'cluster_changed'])
/** How long an answer to a progress request may take until the ranges are read instead, in milliseconds. */
const PATIENCE_MS = 300
/** For how long after its creation a watch may not be synced, so that no progress is requested, in milliseconds. */
const SYNC_MS = 250
/** How many revisions are compared at once: each costs the server a count of the ranges that are behind. */
const MOST_COMPARED = 64

/**
 * Several ranges, watched as one: every change of a revision in all of them comes in one call, in the order of
 * revisions. Each range has a watch, and all watches are on one stream. A change is passed on when every range
 * is known to have reached its revision: by a change of its own at or after it, or by progress that the stream
 * reports, which is requested at once. Where progress may overtake changes (etcd before 3.4.25 and 3.5.8), or
 * does not come (a new watch is not synced yet, a proxy answers no requests), the other ranges are read at the
 * revisions in question, and an unchanged range needs no changes to be known.
 *
 * While a watch is not connected, or on another stream, nothing is passed on: it may yet find that the store is
 * another one. While changes are held back, no progress is reported; reads that fail are reported as a loss.
 */
export class JoinedWatch {
  readonly #ports: JoinPorts
  readonly #ranges: JoinedRanges
  readonly #reports: JoinReports
  readonly #reads: UnchangedReads
  readonly #freshness: JoinedFreshness
  readonly #awaited = new PendingRevisions()
  readonly #closing = new AbortController()
  readonly #unlisten: (() => void) | undefined
  /** All changes up to this revision were passed on. */
  #handed: number
  /** The highest revision that a caller waits for. */
  #wanted = 0
  readonly #held = new HeldChanges()
  /** Late changes that wait until the watches are together. */
  #late: WatchBatch[] = []
  /** The revision that waits for a range; undefined if none waits. */
  #blocked: number | undefined
  /** Until then, on the monotonic clock, no progress can be expected. */
  #unsyncedUntil = 0
  /** The stream has not answered a progress request in time, and none since. */
  #isSilent = false
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
    this.#reports = new JoinReports(handlers, ports.logger)
    this.#reads = new UnchangedReads({
      ...ports,
      clusterId,
      signal: this.#closing.signal,
      onRead: (error) => this.#onRead(error),
    })
    this.#freshness = new JoinedFreshness(ranges.length)
    this.#handed = afterRevision
    this.#ranges = new JoinedRanges(ranges, afterRevision)
    this.#unlisten = signal && onAbort(signal, () => this.cancel())
    if (signal?.aborted) this.cancel()
    else this.#subscribe(options, known)
  }

  #subscribe({ signal: _, ...start }: JoinOptions, known: readonly WatcherKnowledge[]): void {
    for (const [index, range] of this.#ranges.all.entries()) {
      if (this.#end !== undefined) return
      const handlers = this.#handlersOf(range, index)
      range.watcher = this.#ports.subscribe(range.range, handlers, start, known[index])
    }
    // One of them may have ended the join before all were known here.
    if (this.#end !== undefined) for (const { watcher } of this.#ranges.all) watcher?.cancel()
  }

  /** The state of the whole; `live` while all watches are on one stream. */
  get state(): 'connecting' | 'live' | 'ended' {
    if (this.#end !== undefined) return 'ended'
    return this.#reports.isTogether ? 'live' : 'connecting'
  }

  /** The highest raft term seen. */
  get raftTerm(): number {
    return Math.max(0, ...this.#ranges.all.map(({ watcher }) => watcher?.raftTerm ?? 0))
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

  #handlersOf(range: JoinedRange, index: number): Required<Omit<WatchHandlers, 'onCompacted'>> {
    const onContact = (contact: WatchContact) => this.#onContact(range, contact)
    return {
      onEvents: (batch) => {
        if (range.isLate(batch)) {
          const events = range.pushLate(batch)
          if (range.hasTooManyLate) this.#finish(heldTooMuch())
          if (events === undefined) return
          this.#late.push({ ...batch, events, isUndone: true })
        } else {
          range.push(batch)
          this.#held.add(batch)
        }
        this.#advance()
      },
      onProgress: (progress) => {
        if (progress.isExact) this.#isSilent = false
        const isWhole = this.#freshness.add(index, progress)
        // Each range reports, so that this must not look at all of them each time.
        const isBlocked = this.#blocked !== undefined && this.#ranges.isBlockedAt(this.#blocked)
        if (isBlocked ? false : isWhole || this.#blocked !== undefined) this.#advance()
      },
      onCreated: onContact,
      onResumed: onContact,
      onDisconnected: ({ error }) => this.#onDisconnected(error),
      onClusterChanged: (change) => {
        if (this.#end === undefined) this.#reports.tell((handlers) => handlers.onClusterChanged?.(change))
      },
      onEnd: (error) =>
        this.#finish(error?.code === 'permission_denied' ? error.with({ range: range.range }) : error),
    }
  }

  #onContact({ watcher }: JoinedRange, contact: WatchContact): void {
    for (const { watcher: other } of this.#ranges.all) {
      if (other?.state !== 'live' || other.lastStream === watcher?.lastStream) continue
      // Moves to the newest stream.
      other.pause()
      other.resume()
    }
    const isTogether = this.#ranges.all.every(
      (each) => each.watcher?.state === 'live' && each.watcher.lastStream === watcher?.lastStream,
    )
    if (!isTogether || this.#end !== undefined) return
    this.#unsyncedUntil = monotonicNow(this.#ports.clock) + SYNC_MS
    this.#isSilent = false
    this.#reports.together({ ...contact, position: this.#handed + 1 })
    this.#advance()
  }

  #onDisconnected(error: EtcdError | undefined): void {
    this.#rest()
    this.#freshness.clear()
    this.#reads.forget()
    for (const range of this.#ranges.all) range.forgetReads()
    this.#reports.disconnected(error, this.#handed + 1)
  }

  /** Passes on what is known of every range, and finds out about the ranges that others wait for. */
  #advance(): void {
    if (!this.#reports.isTogether || this.#isHandingOver) return
    this.#isHandingOver = true
    for (const { header, ...late } of this.#late.splice(0))
      this.#reports.tell((handlers) => handlers.onEvents({ ...late, header, revision: this.#handed }))
    let next = this.#next()
    while (next !== undefined && this.#reports.isTogether && !this.#ranges.isBlockedAt(next)) {
      this.#handOver(next)
      next = this.#next()
    }
    this.#isHandingOver = false
    this.#blocked = next
    if (!this.#reports.isTogether) return
    this.#handed = Math.max(this.#handed, this.#ranges.reached)
    this.#awaited.settle(this.#handed)
    if (next === undefined) this.#onCaughtUp()
    else if (this.#held.isTooMuch && this.#waiting(2).length > 1) this.#finish(heldTooMuch())
    else this.#ask()
    const progress = this.#freshness.take(next)
    if (progress !== undefined) this.#reports.tell((handlers) => handlers.onProgress?.(progress))
  }

  #onCaughtUp(): void {
    this.#rest()
    this.#reports.seen(this.#handed + 1)
  }

  /** The next revision to pass on, or to reach for a caller; undefined if nothing waits. */
  #next(): number | undefined {
    const [next] = this.#waiting(1)
    return next
  }

  /** The first revisions with changes that wait, and the one that a caller waits for. */
  #waiting(most: number): readonly number[] {
    return this.#ranges.waiting(most, this.#wanted > this.#handed ? [this.#wanted] : [])
  }

  #handOver(revision: number): void {
    const parts = this.#ranges.take(revision)
    for (const part of parts) this.#held.remove(part)
    this.#handed = revision
    const header = parts.at(-1)?.header
    if (header === undefined) return
    const batch = { revision, events: parts.flatMap(({ events }) => events), header }
    this.#reports.tell((handlers) => handlers.onEvents(batch))
  }

  #ask(): void {
    const target = Math.max(this.#wanted, this.#ranges.newest)
    const behind = this.#ranges.all.filter(({ reached }) => reached < target)
    const isOrdered = behind.every(({ watcher }) => watcher?.isProgressOrdered !== false)
    if (isOrdered) for (const range of behind) range.ask(target)
    const isUnsynced = monotonicNow(this.#ports.clock) < this.#unsyncedUntil
    if ((!isOrdered || this.#isSilent || isUnsynced) && !this.#reports.isBlind) this.#read(false)
    const handed = this.#handed
    this.#timer ??= this.#ports.clock.setTimeout(() => {
      this.#timer = undefined
      if (this.#handed === handed) {
        this.#isSilent = isOrdered
        this.#read(true)
      }
      this.#advance()
    }, PATIENCE_MS)
  }

  #rest(): void {
    this.#ports.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Reads at which of the first revisions that wait the other ranges are unchanged. */
  #read(isAgain: boolean): void {
    if (this.#end === undefined) this.#reads.ask(this.#ranges.all, this.#waiting(MOST_COMPARED), isAgain)
  }

  #onRead(error: EtcdError | undefined): void {
    if (this.#end !== undefined) return
    if (error === undefined) this.#reports.seen(this.#handed + 1)
    else if (error.code === 'future_revision')
      this.#finish(new EtcdError('cluster_changed', { call: error.call, cause: error }))
    else if (ENDING.has(error.code) || isFinalError(error)) this.#finish(error)
    else this.#reports.unread(error, this.#handed + 1)
    this.#advance()
  }

  #finish(error: EtcdError | undefined): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#rest()
    this.#unlisten?.()
    this.#closing.abort(error ?? cancelledError())
    for (const { watcher } of this.#ranges.all) watcher?.cancel()
    this.#awaited.fail(error ?? cancelledError())
    this.#reports.ended(error)
  }
}
