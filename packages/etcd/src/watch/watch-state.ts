import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import type { Namespace } from '../key-range.ts'
import type { Logger } from '../logger.ts'
import { type ContinuityQuestion, StoreEvidence } from '../reflector/store-evidence.ts'
import type { KeyValue, ResponseHeader } from '../wire/kv.ts'
import { type Event, EventType, type WatchResponse } from '../wire/watch.ts'
import { callIsolated } from '../call-isolated.ts'
import { PendingRevisions } from './pending-revisions.ts'
import { RevisionAssembler } from './revision-assembler.ts'
import { type ClusterChange, type WatchContact, WatchEvent, type WatchHandlers } from './watch-handlers.ts'
import type { WatchPlan } from './watch-options.ts'
import { CLOCK_STEP_MS, type ProgressClaim, UnorderedProgress } from './unordered-progress.ts'
import type { Watcher } from './watcher.ts'

/** What a watch asks of the service that carries it. */
export interface WatcherHost {
  readonly clock: Clock
  readonly logger: Logger
  readonly namespace: Namespace
  /** The watch wants to be on a stream. */
  attach(watcher: WatchState): void
  /** The watch must leave its stream, if it is on one. */
  detach(watcher: WatchState): void
  /** Someone waits for word of progress. */
  requestProgress(watcher: WatchState): void
  /** The watch is over. */
  forget(watcher: WatchState): void
}

/** What a new stream says about a watch it took on. */
export type Acceptance =
  | 'live'
  /** It begins after the newest revision, which would keep the server from telling progress of any watch on the stream: ask again. */
  | 'ahead'
  /** The store behind the stream may not be the one the watch was on: ask the cluster. */
  | 'verify'
  /** It is another one; the watch has ended. */
  | 'ended'

/** What is known of the store that a watch begins on, besides the options of the watch. */
export interface WatcherKnowledge {
  /** What to recognize the store by. Undefined: the events of the watch itself. */
  readonly evidence: StoreEvidence | undefined
  /** Highest raft term heard of. */
  readonly raftTerm: number
  /** Milliseconds between proofs that nothing is missing, where that is less than the service's own. */
  readonly proofEveryMs: number | undefined
}

/** Keys that a watch of its own remembers its store by: there may be thousands of watches. */
const MAX_OWN_EVIDENCE = 8

type Phase =
  | { readonly type: 'connecting' }
  | { readonly type: 'live'; readonly contact: WatchContact }
  | { readonly type: 'paused' }
  | { readonly type: 'ended'; readonly error: EtcdError | undefined }

/** On an old server a watch counts as complete after this much quiet, in milliseconds (see `WatchProgress.isExact`). */
const SETTLE_MS = 1_000
/** The least quiet that counts where proofs are needed more often than that, in milliseconds. */
const MIN_SETTLE_MS = 200

/** The watch itself: its position, what is delivered and what is not. Does no I/O. */
export class WatchState implements Watcher {
  readonly plan: WatchPlan
  readonly #host: WatcherHost
  readonly #handlers: WatchHandlers
  readonly #assembler = new RevisionAssembler()
  readonly #awaited = new PendingRevisions()
  /** Milliseconds between proofs, where somebody needs them more often than the service asks. */
  readonly proofEveryMs: number | undefined
  /** What the store is recognized by; nothing where only a part of the changes is delivered. */
  readonly #evidence: StoreEvidence | undefined
  /** The stream on which the store was shown to be the one that the watch was on. */
  #provenOn: unknown
  #phase: Phase = { type: 'connecting' }
  #position: number | undefined
  /** Everything before the position is known to the caller or was delivered. */
  #isContinuing: boolean
  #clusterId: bigint | undefined
  #hasBeenLive = false
  /** Highest revision that nothing is missing up to, also by word that does not move the position. */
  #proven = 0
  /** What an old server said of its progress: for callers that wait for a revision. */
  readonly #completeness = new UnorderedProgress(SETTLE_MS)
  /** The same for freshness, which a watch may need more often. */
  readonly #freshness: UnorderedProgress
  #liveSince = 0
  /** The store's revision on this stream, where the caller asked for one that is yet to come. */
  #newest: number | undefined
  /** Highest raft term heard of: it never goes back in the life of a cluster. */
  #term = 0
  /** How often the server has refused the watch since it last served it. */
  refusals = 0
  /** Nothing was proven since the watch is on its stream. */
  #isUnproven = true
  #unlisten: () => void = () => undefined

  constructor(
    plan: WatchPlan,
    handlers: WatchHandlers,
    host: WatcherHost,
    signal?: AbortSignal,
    known?: WatcherKnowledge,
  ) {
    this.plan = plan
    this.proofEveryMs = known?.proofEveryMs
    // Half of the interval, so that the very next answer proves a claim.
    const settleMs = known?.proofEveryMs === undefined ? SETTLE_MS : known.proofEveryMs / 2
    this.#freshness = new UnorderedProgress(Math.max(MIN_SETTLE_MS, Math.min(settleMs, SETTLE_MS)))
    this.#term = known?.raftTerm ?? 0
    const isWhole = plan.filters.length === 0
    this.#evidence =
      known?.evidence ?? (isWhole ? new StoreEvidence({ maxRecent: MAX_OWN_EVIDENCE }) : undefined)
    this.#handlers = handlers
    this.#host = host
    this.#position = plan.position
    this.#isContinuing = plan.isContinuing
    this.#clusterId = plan.clusterId
    if (signal === undefined) return
    const onAbort = () => this.cancel()
    signal.addEventListener('abort', onAbort, { once: true })
    this.#unlisten = () => signal.removeEventListener('abort', onAbort)
  }

  get position(): number | undefined {
    return this.#position
  }

  get state(): 'connecting' | 'live' | 'paused' | 'ended' {
    return this.#phase.type
  }

  /** A revision is held back until the rest of it is there. */
  get hasPart(): boolean {
    return this.#assembler.isPartial
  }

  /** Something waits for progress: a caller, or everybody, since none came yet on this stream. */
  get isAwaited(): boolean {
    return this.#phase.type === 'live' && (this.#awaited.size > 0 || this.#isUnproven)
  }

  /** Highest raft term heard of. */
  get raftTerm(): number {
    return this.#term
  }

  /**
   * What to ask the store behind a stream before the watch may go on with it; undefined where nothing is known of the
   * store, or the stream's was asked already.
   */
  questionFor(stream: unknown): ContinuityQuestion | undefined {
    if (this.#provenOn === stream || this.#position === undefined) return undefined
    return this.#evidence?.question(this.#position - 1)
  }

  /** The stream that served the watch last; undefined while none did. */
  get lastStream(): unknown {
    return this.#provenOn
  }

  /** The store behind the stream is the one that the watch was on, as far as anybody can tell. */
  provenOn(stream: unknown): void {
    this.#provenOn = stream
  }

  /**
   * What to ask the server for; 0 means "from now". Where all before the position is known, one revision more is asked
   * for and dropped when it comes: etcd before 3.4.36 and 3.5.18 takes a watch from the very revision of the last
   * compaction and leaves out what that revision deleted, which one more turns into an honest `compacted`; and etcd from
   * 3.5 on answers no progress request while a watch begins after the newest revision, as one after a list does.
   */
  get start(): number {
    if (this.#position === undefined) return 0
    const start = this.#isContinuing ? Math.max(1, this.#position - 1) : this.#position
    return Math.min(start, this.#newest ?? start)
  }

  /** The server created the watch. `voucher`: what a linearizable read said meanwhile. */
  accept(header: ResponseHeader, voucher: ResponseHeader | undefined): Acceptance {
    if (header.clusterId !== 0n) {
      if (this.#clusterId !== undefined && header.clusterId !== this.#clusterId) {
        this.changeCluster('cluster_id', header.clusterId)
        return 'ended'
      }
      this.#clusterId = header.clusterId
    }
    if (this.#position === undefined) return 'live'
    // A member that lags, or a store that was restored.
    const isDoubtful =
      this.setbackOf(header) !== undefined && (!voucher || this.setbackOf(voucher) !== undefined)
    if (isDoubtful) return 'verify'
    if (this.#isContinuing || this.#newest !== undefined || header.revision >= this.#position) return 'live'
    this.#newest = Math.max(1, header.revision)
    return 'ahead'
  }

  /** In what the store behind a header is not the one this watch was on, or lags behind it. */
  setbackOf(header: ResponseHeader): ClusterChange['reason'] | undefined {
    if (this.#clusterId !== undefined && header.clusterId !== this.#clusterId) return 'cluster_id'
    if (header.raftTerm < this.#term) return 'term_went_back'
    const isBehind = this.#isContinuing && header.revision < (this.#position ?? 0) - 1
    return isBehind ? 'revision_went_back' : undefined
  }

  /** From here on the stream's answers for this watch count. */
  goLive(header: ResponseHeader, endpoint: string): void {
    // A watch from now is a watch after the revision it was created at; later word must not make it skip any.
    if (this.#position === undefined) {
      this.#position = header.revision + 1
      this.#isContinuing = true
    }
    this.#leaveStream({ type: 'connecting' })
    this.#hear(header)
    this.refusals = 0
    const contact = {
      endpoint,
      revision: header.revision,
      clusterId: header.clusterId,
      position: this.#position,
    }
    this.#phase = { type: 'live', contact }
    this.#liveSince = this.#host.clock.now()
    this.#isUnproven = true
    const isFirst = !this.#hasBeenLive
    this.#hasBeenLive = true
    if (isFirst) this.#notify('onCreated', contact)
    else this.#notify('onResumed', contact)
    if (this.isAwaited) this.#host.requestProgress(this)
  }

  /**
   * Changes, or a part of them.
   *
   * @throws EtcdError `malformed_message`
   */
  receive(response: WatchResponse, header: ResponseHeader): void {
    this.#hear(header)
    for (const whole of this.#assembler.push(response.events, response.fragment)) {
      const { revision, events } = whole
      if (this.#phase.type !== 'live') return
      // Seen before: history asked for once more, or an old server repeating itself.
      if (revision < this.#position!) continue
      this.#evidence?.changed(events, whole.wereThere)
      this.#position = revision + 1
      this.#isContinuing = true
      this.#proven = revision
      this.#notify('onEvents', { revision, events: events.map((event) => this.#eventOf(event)), header })
      this.#awaited.settle(revision)
      const now = this.#host.clock.now()
      this.#completeness.change(revision, now)
      this.#prove(this.#freshness.change(revision, now), false)
    }
  }

  /** The server's word that nothing up to `revision` is missing, sent in order with the changes. */
  progress(header: ResponseHeader, at: number): void {
    const { revision } = header
    // A member that lags behind, or a fragment on the way.
    if (this.#phase.type !== 'live' || this.#assembler.isPartial || revision < this.#position! - 1) return
    this.#hear(header)
    this.#position = revision + 1
    this.#isContinuing = true
    this.#prove({ revision, at }, true)
    this.#settle({ revision, at })
  }

  /** The same word from a server that does not look at the watch before it speaks. */
  noteUnverifiedProgress(revision: number, at: number): void {
    if (this.#phase.type !== 'live' || this.#assembler.isPartial || revision < this.#position! - 1) return
    const isEarly = at < this.#liveSince && this.#liveSince - at < CLOCK_STEP_MS
    if (isEarly) return
    this.#prove(this.#freshness.claim({ revision, at }), false)
    this.#settle(this.#completeness.claim({ revision, at }))
  }

  /** The stream is gone; the watch waits for the next one. */
  disconnect(error: EtcdError | undefined): void {
    if (this.#phase.type === 'ended' || this.#phase.type === 'paused') return
    this.#leaveStream({ type: 'connecting' })
    this.#notify('onDisconnected', { error, position: this.#position })
  }

  /** The history from the position on is gone. The position stays: nobody may take this for progress. */
  compact(compactRevision: number): void {
    const position = this.#position ?? compactRevision
    this.#notify('onCompacted', { compactRevision, position })
    this.end(
      new EtcdError('compacted', {
        call: 'Watch/Watch',
        what: `the store is compacted${compactRevision > 0 ? ` at revision ${compactRevision}` : ''}; changes from revision ${position} on may be gone`,
        compactRevision: compactRevision > 0 ? compactRevision : undefined,
      }),
    )
  }

  /** The store behind the endpoints is another one. */
  changeCluster(reason: ClusterChange['reason'], clusterId: bigint): void {
    const previousClusterId = this.#clusterId ?? clusterId
    this.#notify('onClusterChanged', { reason, previousClusterId, clusterId, position: this.#position ?? 0 })
    this.end(new EtcdError('cluster_changed', { call: 'Watch/Watch', what: CLUSTER_CHANGES[reason] }))
  }

  /** The cluster that the watch is on, once known. */
  get clusterId(): bigint | undefined {
    return this.#clusterId
  }

  reached(revision: number, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#phase.type === 'ended') return Promise.reject(this.#phase.error ?? cancelled())
    if (this.#proven >= revision || (this.#position ?? 0) > revision) return Promise.resolve()
    const promise = this.#awaited.add(revision, options.signal)
    if (this.isAwaited) this.#host.requestProgress(this)
    return promise
  }

  pause(): void {
    if (this.#phase.type === 'ended' || this.#phase.type === 'paused') return
    this.#leaveStream({ type: 'paused' })
    this.#host.detach(this)
  }

  resume(): void {
    if (this.#phase.type !== 'paused') return
    this.#phase = { type: 'connecting' }
    this.#host.attach(this)
  }

  cancel(): void {
    this.end(undefined)
  }

  /** Ends the watch with the error that is final for it. */
  end(error: EtcdError | undefined): void {
    if (this.#phase.type === 'ended') return
    this.#leaveStream({ type: 'ended', error })
    this.#host.detach(this)
    this.#host.forget(this)
    this.#unlisten()
    this.#awaited.fail(error ?? cancelled())
    this.#notify('onEnd', error)
  }

  #hear(header: ResponseHeader): void {
    if (header.raftTerm > this.#term) this.#term = header.raftTerm
  }

  #leaveStream(next: Phase): void {
    this.#phase = next
    this.#newest = undefined
    this.#completeness.clear()
    this.#freshness.clear()
    this.#assembler.clear()
  }

  #prove(claim: ProgressClaim | undefined, isExact: boolean): void {
    if (claim === undefined) return
    this.#isUnproven = false
    this.#notify('onProgress', { ...claim, isExact })
  }

  #settle(claim: ProgressClaim | undefined): void {
    if (claim === undefined) return
    this.#proven = Math.max(this.#proven, claim.revision)
    this.#awaited.settle(claim.revision)
  }

  #eventOf(event: Event): WatchEvent {
    const type = event.type === EventType.delete ? 'delete' : 'put'
    const prevKv = event.prevKv === undefined ? undefined : this.#strip(event.prevKv)
    return new WatchEvent(type, this.#strip(event.kv!), prevKv)
  }

  #strip(kv: KeyValue): KeyValue {
    const { namespace } = this.#host
    return namespace.prefix.length === 0 ? kv : { ...kv, key: namespace.strip(kv.key) }
  }

  #notify<K extends keyof WatchHandlers>(name: K, ...args: Parameters<NonNullable<WatchHandlers[K]>>): void {
    const handler = this.#handlers[name] as ((...given: typeof args) => unknown) | undefined
    const { logger } = this.#host
    callIsolated(
      () => handler?.apply(this.#handlers, args),
      (error) => logger.error(`A watch handler failed: ${name}`, { handler: name, error }),
    )
  }
}

const CLUSTER_CHANGES: Record<ClusterChange['reason'], string> = {
  history_differs: 'the store does not hold at a known revision what it held: it was replaced or restored',
  cluster_id: 'the endpoint now belongs to another cluster',
  revision_went_back: 'the store is at a lower revision than it was: it was restored from a backup',
  term_went_back: 'the store is in an earlier term than it was: it was restored from a backup',
}

function cancelled(): EtcdError {
  return new EtcdError('cancelled', { call: 'Watch/Watch' })
}
