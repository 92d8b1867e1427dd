import { checkArgument } from '../check-argument.ts'
import type { EtcdError } from '../errors.ts'
import { setbackSince, type KnownPosition } from '../reflector/store-position.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import type { WatchResponse } from '../wire/watch.ts'
import { RevisionAssembler } from './revision-assembler.ts'
import type { ClusterChange, WatchContact, WatchHandlers } from './watch-handlers.ts'
import { REVISION, type WatchPlan } from './watch-options.ts'
import { CLOCK_STEP_MS, type ProgressClaim } from './unordered-progress.ts'
import type { Acceptance, WatcherHost, WatcherKnowledge } from './watch-host.ts'
import { cancelledError, clusterChangedError, compactedError } from './stream-errors.ts'
import { ResumePoint } from './resume-point.ts'
import { WatchNotifier } from './watch-notifier.ts'
import { WatchProofs } from './watch-proofs.ts'
import { WatchedStore } from './watched-store.ts'
import type { Watcher } from './watcher.ts'
import { onAbort } from '../on-abort.ts'

type Phase =
  | { readonly type: 'connecting' }
  | { readonly type: 'live'; readonly contact: WatchContact }
  | { readonly type: 'paused' }
  /** `reason`: for callers that wait for a revision. */
  | { readonly type: 'ended'; readonly reason: EtcdError }

/** The state of one watch: its position, and what has been delivered. Does no I/O. */
export class WatchState implements Watcher {
  readonly plan: WatchPlan
  readonly #host: WatcherHost<WatchState>
  readonly #notifier: WatchNotifier
  readonly #assembler = new RevisionAssembler()
  readonly #proofs: WatchProofs
  /** Milliseconds between progress requests, if needed more often than by default. */
  readonly proofEveryMs: number | undefined
  /** What the watch knows of its store. */
  readonly store: WatchedStore
  #phase: Phase = { type: 'connecting' }
  readonly #point: ResumePoint
  #hasBeenLive = false
  #liveSince = 0
  /** How often the server refused the watch since it last accepted it. */
  refusals = 0
  /** Number of streams that ended with a too large response. From the first on, it requests fragments. */
  oversizes = 0
  /** No progress was reported since the watch is on its stream. */
  #isUnproven = true
  #isProgressOrdered = true
  readonly #unlisten: (() => void) | undefined

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
    this.store = new WatchedStore(plan, known)
    this.#notifier = new WatchNotifier(handlers, host, plan.only)
    this.#host = host
    this.#point = new ResumePoint(plan.position, plan.isContinuing)
    this.#unlisten = signal && onAbort(signal, () => this.cancel())
  }

  get position(): number | undefined {
    return this.#point.position
  }

  get state(): 'connecting' | 'live' | 'paused' | 'ended' {
    return this.#phase.type
  }

  /** True while an incomplete revision is held back. */
  get hasPart(): boolean {
    return this.#assembler.isPartial
  }

  /** True if progress is needed soon: a caller waits, or none was reported on this stream yet. */
  get isAwaited(): boolean {
    return this.#phase.type === 'live' && (this.#proofs.isAwaited || this.#isUnproven)
  }

  /** False if progress answers on its stream may overtake changes: etcd before 3.4.25 and 3.5.8. */
  get isProgressOrdered(): boolean {
    return this.#isProgressOrdered
  }

  /** The highest raft term seen. */
  get raftTerm(): number {
    return this.store.raftTerm
  }

  /** True if the store behind a stream is to be verified before the watch continues on it. */
  isToVerify(stream: unknown): boolean {
    return this.store.isToVerify(stream, this.position)
  }

  /** The stream that served the watch last; undefined before the first one. */
  get lastStream(): unknown {
    return this.store.provenOn
  }

  /** Records that the store behind the stream is the watch's store. */
  provenOn(stream: unknown): void {
    this.store.provenOn = stream
    this.store.unanswered = 0
  }

  /** The last known position in the watch's store. */
  get known(): KnownPosition {
    return this.store.positionAt(this.#point.known)
  }

  /** The start revision to request. */
  get start(): number {
    return this.#point.start
  }

  /** The server created the watch. `voucher`: header of a linearizable read made meanwhile. */
  accept(header: ResponseHeader, voucher: ResponseHeader | undefined): Acceptance {
    if (!this.store.isOfCluster(header)) {
      this.changeCluster('cluster_id', header.clusterId)
      return 'ended'
    }
    if (this.position === undefined) return 'live'
    // Either a lagging member or a restored store.
    const isDoubtful =
      this.setbackOf(header) !== undefined && (!voucher || this.setbackOf(voucher) !== undefined)
    if (isDoubtful) return 'verify'
    return this.#point.canStart(header.revision) ? 'live' : 'ahead'
  }

  /** How the store behind a header differs from the watch's. */
  setbackOf(header: ResponseHeader): ClusterChange['reason'] | undefined {
    return setbackSince(this.known, header)
  }

  /** From here on, responses on the stream belong to this watch. */
  goLive(header: ResponseHeader, endpoint: string, isProgressOrdered: boolean): void {
    this.#isProgressOrdered = isProgressOrdered
    // "From now on" means after the revision at creation; later responses must not make it skip anything.
    const position = this.position ?? this.#point.passed(header.revision)
    this.#leaveStream({ type: 'connecting' })
    this.store.hear(header)
    this.refusals = 0
    const { revision, clusterId } = header
    const contact = { endpoint, revision, clusterId, position }
    this.#phase = { type: 'live', contact }
    this.#liveSince = this.#host.clock.now()
    this.#isUnproven = true
    const event = this.#hasBeenLive ? 'onResumed' : 'onCreated'
    this.#hasBeenLive = true
    this.#notifier.notify(event, contact)
    if (this.isAwaited) this.#host.requestProgress(this, false)
  }

  /**
   * Handles changes, possibly incomplete.
   *
   * @throws EtcdError `malformed_message`
   */
  receive(response: WatchResponse, header: ResponseHeader): void {
    this.store.hear(header)
    for (const whole of this.#assembler.push(response.events, response.fragment)) {
      const { revision, events } = whole
      if (this.#phase.type !== 'live') return
      const kind = this.store.take(whole, this.position!)
      if (kind === 'impossible') this.#differs()
      // History that was requested again, or repeated by an old server.
      if (kind !== 'new') continue
      this.#point.passed(revision)
      this.#notifier.deliver({ revision, events, header })
      this.#proofs.delivered(revision)
      this.#prove(this.#proofs.changed(revision, this.#host.clock.now()), false)
    }
  }

  /** Handles a progress report that is ordered with the changes. */
  progress(header: ResponseHeader, at: number): void {
    const { revision } = header
    // Ignored from a lagging member, or while a fragment is incomplete.
    if (this.#phase.type !== 'live' || this.#assembler.isPartial || this.#point.isAfter(revision)) return
    this.store.hear(header)
    if (!this.store.isPossibleAt(revision)) this.#differs()
    else {
      this.#point.passed(revision)
      this.#prove({ revision, at }, true)
      this.#proofs.proven({ revision, at })
    }
  }

  /** Handles a progress report that may overtake changes. */
  noteUnverifiedProgress(revision: number, at: number): void {
    if (this.#phase.type !== 'live' || this.#assembler.isPartial || this.#point.isAfter(revision)) return
    const isEarly = at < this.#liveSince && this.#liveSince - at < CLOCK_STEP_MS
    if (isEarly) return
    const proven = this.#proofs.claimed({ revision, at })
    if (proven !== undefined && !this.store.isPossibleAt(proven.revision)) this.#verifyAgain()
    else {
      this.#prove(proven, false)
      this.#proofs.settle({ revision, at })
    }
  }

  /** Leaves the stream and returns to it once the store behind it is recognized. */
  #verifyAgain(): void {
    this.store.provenOn = undefined
    this.#leaveStream({ type: 'connecting' })
    this.#host.detach(this)
    this.#notifier.notify('onDisconnected', { error: undefined, position: this.position })
    if (this.#phase.type === 'connecting') this.#host.attach(this)
  }

  /** The stream ended; the watch waits for the next one. */
  disconnect(error: EtcdError | undefined): void {
    if (this.#phase.type === 'ended' || this.#phase.type === 'paused') return
    this.#leaveStream({ type: 'connecting' })
    this.#notifier.notify('onDisconnected', { error, position: this.position })
  }

  /** The history from the position on is compacted. The position stays, because nothing was delivered. */
  compact(compactRevision: number): void {
    const position = this.position ?? compactRevision
    this.#notifier.notify('onCompacted', { compactRevision, position })
    this.end(compactedError(compactRevision, position))
  }

  /** Another store answers at the endpoints. */
  changeCluster(reason: ClusterChange['reason'], clusterId: bigint): void {
    const previousClusterId = this.clusterId ?? clusterId
    const position = this.position ?? 0
    this.#notifier.notify('onClusterChanged', { reason, previousClusterId, clusterId, position })
    this.end(clusterChangedError(reason))
  }

  /** What was delivered is not what this store holds. */
  #differs(): void {
    this.changeCluster('history_differs', this.clusterId ?? 0n)
  }

  /** The cluster of the watch, once known. */
  get clusterId(): bigint | undefined {
    return this.store.clusterId
  }

  /** See `Watcher.reached`. `isUrgent`: requests progress at once. */
  async reached(
    revision: number,
    options: { readonly signal?: AbortSignal; readonly isUrgent?: boolean } = {},
  ): Promise<void> {
    checkArgument('Watch/Watch', 'the revision to wait for', REVISION, revision)
    if (this.#phase.type === 'ended') throw this.#phase.reason
    if (this.#proofs.revision >= revision || (this.position ?? 0) > revision) return
    const promise = this.#proofs.wait(revision, options.signal)
    if (this.isAwaited) this.#host.requestProgress(this, options.isUrgent === true)
    await promise
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

  /** Ends the watch for good. `reason`: for callers that wait for a revision. Default: `error`, or `cancelled`. */
  end(error: EtcdError | undefined, reason: EtcdError = error ?? cancelledError()): void {
    if (this.#phase.type === 'ended') return
    this.#leaveStream({ type: 'ended', reason })
    this.#host.detach(this)
    this.#host.forget(this)
    this.#unlisten?.()
    this.#proofs.fail(reason)
    this.#notifier.notify('onEnd', error)
  }

  #leaveStream(next: Phase): void {
    this.#phase = next
    this.#point.leaveStream()
    this.#proofs.clear()
    this.#assembler.clear()
  }

  #prove(claim: ProgressClaim | undefined, isExact: boolean): void {
    if (claim === undefined) return
    this.#isUnproven = false
    this.#notifier.notify('onProgress', { ...claim, isExact })
  }
}
