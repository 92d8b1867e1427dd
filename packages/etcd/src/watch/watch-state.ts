import type { EtcdError } from '../errors.ts'
import type { ContinuityQuestion } from '../reflector/continuity-question.ts'
import { setbackSince, type KnownPosition } from '../reflector/store-position.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import type { WatchResponse } from '../wire/watch.ts'
import { RevisionAssembler } from './revision-assembler.ts'
import type { ClusterChange, WatchContact, WatchHandlers } from './watch-handlers.ts'
import type { WatchPlan } from './watch-options.ts'
import { CLOCK_STEP_MS, type ProgressClaim } from './unordered-progress.ts'
import type { Acceptance, WatcherHost, WatcherKnowledge } from './watch-host.ts'
import { cancelledError, clusterChangedError, compactedError } from './stream-errors.ts'
import { WatchNotifier } from './watch-notifier.ts'
import { WatchProofs } from './watch-proofs.ts'
import { WatchedStore } from './watched-store.ts'
import type { Watcher } from './watcher.ts'

type Phase =
  | { readonly type: 'connecting' }
  | { readonly type: 'live'; readonly contact: WatchContact }
  | { readonly type: 'paused' }
  | { readonly type: 'ended'; readonly error: EtcdError | undefined }

/** The watch itself: its position, what is delivered and what is not. Does no I/O. */
export class WatchState implements Watcher {
  readonly plan: WatchPlan
  readonly #host: WatcherHost<WatchState>
  readonly #notifier: WatchNotifier
  readonly #assembler = new RevisionAssembler()
  readonly #proofs: WatchProofs
  /** Milliseconds between proofs, where somebody needs them more often than the service asks. */
  readonly proofEveryMs: number | undefined
  readonly #store: WatchedStore
  #phase: Phase = { type: 'connecting' }
  #position: number | undefined
  /** Everything before the position is known to the caller or was delivered. */
  #isContinuing: boolean
  #hasBeenLive = false
  #liveSince = 0
  /** The store's revision on this stream, where the caller asked for one that is yet to come. */
  #newest: number | undefined
  /** How often the server has refused the watch since it last served it. */
  refusals = 0
  /** Streams that ended with too large an answer, for this watch or another one on them; from the first on, it asks for pieces. */
  oversizes = 0
  /** Nothing was proven since the watch is on its stream. */
  #isUnproven = true
  #unlisten: () => void = () => undefined

  constructor(
    plan: WatchPlan,
    handlers: WatchHandlers,
    host: WatcherHost<WatchState>,
    signal?: AbortSignal,
    known?: WatcherKnowledge,
  ) {
    this.plan = plan
    this.proofEveryMs = known?.proofEveryMs
    this.#proofs = new WatchProofs(known?.proofEveryMs)
    this.#store = new WatchedStore(plan, known)
    this.#notifier = new WatchNotifier(handlers, host)
    this.#host = host
    this.#position = plan.position
    this.#isContinuing = plan.isContinuing
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
    return this.#phase.type === 'live' && (this.#proofs.isAwaited || this.#isUnproven)
  }

  /** Highest raft term heard of. */
  get raftTerm(): number {
    return this.#store.raftTerm
  }

  /**
   * What to ask the store behind a stream before the watch may go on with it; undefined where nothing is known of the
   * store, or the stream's was asked already.
   */
  questionFor(stream: unknown): ContinuityQuestion | undefined {
    return this.#store.questionFor(stream, this.#position)
  }

  /** The stream that served the watch last; undefined while none did. */
  get lastStream(): unknown {
    return this.#store.provenOn
  }

  /** The store behind the stream is the one that the watch was on. */
  provenOn(stream: unknown): void {
    this.#store.provenOn = stream
  }

  /** Where the store of the watch stood. */
  get known(): KnownPosition {
    return this.#store.positionAt(this.#isContinuing ? (this.#position ?? 0) - 1 : 0)
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
    if (!this.#store.isOfCluster(header)) {
      this.changeCluster('cluster_id', header.clusterId)
      return 'ended'
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
    return setbackSince(this.known, header)
  }

  /** From here on the stream's answers for this watch count. */
  goLive(header: ResponseHeader, endpoint: string): void {
    // A watch from now is a watch after the revision it was created at; later word must not make it skip any.
    if (this.#position === undefined) {
      this.#position = header.revision + 1
      this.#isContinuing = true
    }
    this.#leaveStream({ type: 'connecting' })
    this.#store.hear(header)
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
    if (isFirst) this.#notifier.notify('onCreated', contact)
    else this.#notifier.notify('onResumed', contact)
    if (this.isAwaited) this.#host.requestProgress(this)
  }

  /**
   * Changes, or a part of them.
   *
   * @throws EtcdError `malformed_message`
   */
  receive(response: WatchResponse, header: ResponseHeader): void {
    this.#store.hear(header)
    for (const whole of this.#assembler.push(response.events, response.fragment)) {
      const { revision, events } = whole
      if (this.#phase.type !== 'live') return
      // Seen before: history asked for once more, or an old server repeating itself.
      if (revision < this.#position!) continue
      this.#store.changed(events, whole.wereThere)
      this.#position = revision + 1
      this.#isContinuing = true
      this.#notifier.notify('onEvents', {
        revision,
        events: events.map((event) => this.#notifier.eventOf(event)),
        header,
      })
      this.#proofs.delivered(revision)
      this.#prove(this.#proofs.changed(revision, this.#host.clock.now()), false)
    }
  }

  /** The server's word that nothing up to `revision` is missing, sent in order with the changes. */
  progress(header: ResponseHeader, at: number): void {
    const { revision } = header
    // A member that lags behind, or a fragment on the way.
    if (this.#phase.type !== 'live' || this.#assembler.isPartial || revision < this.#position! - 1) return
    this.#store.hear(header)
    this.#position = revision + 1
    this.#isContinuing = true
    this.#prove({ revision, at }, true)
    this.#proofs.proven({ revision, at })
  }

  /** The same word from a server that does not look at the watch before it speaks. */
  noteUnverifiedProgress(revision: number, at: number): void {
    if (this.#phase.type !== 'live' || this.#assembler.isPartial || revision < this.#position! - 1) return
    const isEarly = at < this.#liveSince && this.#liveSince - at < CLOCK_STEP_MS
    if (isEarly) return
    this.#prove(this.#proofs.claimed({ revision, at }), false)
    this.#proofs.settle({ revision, at })
  }

  /** The stream is gone; the watch waits for the next one. */
  disconnect(error: EtcdError | undefined): void {
    if (this.#phase.type === 'ended' || this.#phase.type === 'paused') return
    this.#leaveStream({ type: 'connecting' })
    this.#notifier.notify('onDisconnected', { error, position: this.#position })
  }

  /** The history from the position on is gone. The position stays: nobody may take this for progress. */
  compact(compactRevision: number): void {
    const position = this.#position ?? compactRevision
    this.#notifier.notify('onCompacted', { compactRevision, position })
    this.end(compactedError(compactRevision, position))
  }

  /** The store behind the endpoints is another one. */
  changeCluster(reason: ClusterChange['reason'], clusterId: bigint): void {
    const previousClusterId = this.clusterId ?? clusterId
    this.#notifier.notify('onClusterChanged', {
      reason,
      previousClusterId,
      clusterId,
      position: this.#position ?? 0,
    })
    this.end(clusterChangedError(reason))
  }

  /** The cluster that the watch is on, once known. */
  get clusterId(): bigint | undefined {
    return this.#store.clusterId
  }

  reached(revision: number, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#phase.type === 'ended') return Promise.reject(this.#phase.error ?? cancelledError())
    if (this.#proofs.revision >= revision || (this.#position ?? 0) > revision) return Promise.resolve()
    const promise = this.#proofs.wait(revision, options.signal)
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
    this.#proofs.fail(error ?? cancelledError())
    this.#notifier.notify('onEnd', error)
  }

  #leaveStream(next: Phase): void {
    this.#phase = next
    this.#newest = undefined
    this.#proofs.clear()
    this.#assembler.clear()
  }

  #prove(claim: ProgressClaim | undefined, isExact: boolean): void {
    if (claim === undefined) return
    this.#isUnproven = false
    this.#notifier.notify('onProgress', { ...claim, isExact })
  }
}
