import { monotonicNow } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import type { DuplexStream } from '../transport/transport.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import { Watch } from '../wire/rpc.ts'
import type { WatchRequest, WatchResponse } from '../wire/watch.ts'
import { asEtcdError } from '../as-etcd-error.ts'
import { measureBacklog } from './backlog.ts'
import { CreateQueue } from './create-queue.ts'
import { Heartbeat } from './heartbeat.ts'
import { LiveWatches } from './live-watches.ts'
import { ProgressQuestions } from './progress-questions.ts'
import { refusalOf } from './refusal.ts'
import type { StreamEnding, StreamPorts, WatchRequestKind } from './stream-ports.ts'
import { misdirectedError, noProgressError, silentError, unansweredError } from './stream-errors.ts'
import type { WatchState } from './watch-state.ts'

/**
 * etcd syncs new watches every 100 ms. An earlier progress request is lost, on some versions with all later
 * ones.
 */
const SYNC_MS = 200

/** The watch id of messages about the stream as a whole. */
const WHOLE_STREAM = -1

const NO_HEADER: ResponseHeader = Object.freeze({ clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 })

/**
 * One watch stream with all its watches, from opening to end. It never reopens; the connection opens another
 * one.
 */
export class WatchStream {
  readonly #ports: StreamPorts
  readonly #heartbeat: Heartbeat
  readonly #live = new LiveWatches()
  readonly #creates: CreateQueue
  /** Watches to verify once the server has answered on this stream. */
  readonly #unproven = new Set<WatchState>()
  /** Ids that this client cancelled without confirmation yet; messages for them are dropped. */
  readonly #dismissed = new Set<number>()
  readonly #questions: ProgressQuestions
  /** When the oldest progress request was sent after the last answer to one, in monotonic time. */
  #askedSince: number | undefined
  #stream: DuplexStream<WatchRequest> | undefined
  #quietUntil = 0
  #confirmation: ResponseHeader | undefined
  #isOver = false

  constructor(ports: StreamPorts) {
    this.#ports = ports
    this.#questions = new ProgressQuestions(ports.clock, ports.limits.graceMs)
    this.#creates = new CreateQueue({
      clock: ports.clock,
      limits: ports.limits,
      openTimeoutMs: ports.openTimeoutMs,
      idsFrom: ports.idsFrom,
      send: (value) => this.#send({ request: { type: 'create', value } }),
      onSent: () => this.#heartbeat.expect(),
      measureBacklog: () => this.#measureBacklog(),
      onUnanswered: () => this.#fail('unanswered', unansweredError(this.endpoint)),
    })
    this.#heartbeat = new Heartbeat({
      clock: ports.clock,
      intervalMs: () => this.#live.intervalMs(ports.progressIntervalMs),
      graceMs: () => ports.limits.graceMs,
      patience: () => ports.limits.patience,
      isHurried: () => this.#live.isHurried,
      ask: () => this.#askIfQuiet(),
      isAwaited: () => this.#creates.isPending,
      measureBacklog: () => this.#measureBacklog(),
      ping: () => this.#ping(false),
      onSilent: () => this.#fail('silent', silentError(this.endpoint)),
      onUnanswered: () => this.#fail('no_progress', noProgressError(this.endpoint)),
    })
  }

  get endpoint(): string {
    return this.#stream?.endpoint ?? ''
  }

  get isOpen(): boolean {
    return this.#stream !== undefined
  }

  /** True once the server has answered on this stream. */
  get isHeard(): boolean {
    return this.#creates.isAnswered
  }

  /** True if no watch is on the stream or waiting for it. */
  get isUnused(): boolean {
    return this.#live.size === 0 && this.#creates.isEmpty && this.#unproven.size === 0
  }

  /** True while the server serves a watch on it. */
  get isServing(): boolean {
    return this.#live.size > 0
  }

  /** Opens the stream. Watches can be added before and after. */
  open(): void {
    const { channel, avoid, endpoint } = this.#ports
    this.#heartbeat.start(this.#ports.openTimeoutMs)
    try {
      this.#stream = channel.stream(
        Watch.watch,
        {
          onMessage: (response) => this.#onMessage(response),
          onPart: () => this.#onPart(),
          // Servers answer requests for progress without a look at the token.
          isAccepting: ({ created }) => created,
          onEnd: (error) => this.#end({ reason: 'failed', error }),
        },
        { ...(avoid === undefined ? {} : { avoid }), ...(endpoint === undefined ? {} : { endpoint }) },
      )
    } catch (error) {
      this.#end({ reason: 'failed', error: asEtcdError(error, 'Watch/Watch') })
      return
    }
    // Sent before there is any watch: servers that order progress with changes stay silent, the others answer at once,
    // before the first create is answered. So each stream shows how reliable its progress is.
    this.#ask()
    this.#createNext()
  }

  /**
   * Adds a watch. If it knows its store, the store behind this stream is verified before the watch is
   * created, and only after the server has answered here: an earlier answer could come from a server that is
   * gone.
   */
  add(watcher: WatchState): void {
    const isKnown = !watcher.isToVerify(this)
    if (isKnown) this.#creates.add(watcher)
    else if (this.isHeard) this.#ports.onUnproven(watcher)
    else this.#unproven.add(watcher)
    if (this.#stream !== undefined) this.#createNext()
  }

  /** Removes a watch. A create in progress is cancelled once it is answered. */
  remove(watcher: WatchState): void {
    this.#creates.remove(watcher)
    this.#unproven.delete(watcher)
    for (const id of this.#live.idsOf(watcher)) this.#dismiss(id)
  }

  /** A watch waits for progress; see `Heartbeat.requestProgress`. */
  requestProgress(isUrgent: boolean): void {
    this.#heartbeat.requestProgress(isUrgent)
  }

  /**
   * Records the header of a linearizable read: a member of this stream may lag behind it, but its store is
   * the same.
   */
  confirmStore(header: ResponseHeader): void {
    this.#confirmation = header
  }

  /** Closes the stream; `onEnd` is called with reason `dropped`. */
  drop(): void {
    this.#fail('dropped', undefined)
  }

  #onMessage(response: WatchResponse): void {
    if (this.#isOver) return
    this.#heartbeat.noteActivity()
    try {
      this.#route(response, response.header ?? NO_HEADER)
    } catch (error) {
      this.#fail('failed', asEtcdError(error, 'Watch/Watch').with({ endpoint: this.endpoint }))
    }
  }

  #route(response: WatchResponse, header: ResponseHeader): void {
    if (response.created) this.#onCreateAnswer(response, header)
    else if (response.watchId === WHOLE_STREAM) this.#onProgressAnswer(response, header)
    else {
      const watcher = this.#live.get(response.watchId)
      if (watcher === undefined) this.#onStranger(response)
      else this.#onWatchAnswer(watcher, response, header)
    }
  }

  #onWatchAnswer(watcher: WatchState, response: WatchResponse, header: ResponseHeader): void {
    // A compaction is reported with `canceled`, without a reason and with revision 0: ignore everything else
    // in it.
    if (response.compactRevision > 0 || response.canceled) {
      // etcd since 3.5 keeps a compacted watch on the stream as unsynced and answers no progress request for the
      // others until the client cancels it as well.
      if (response.compactRevision > 0) this.#dismiss(response.watchId)
      else this.#live.delete(response.watchId)
      this.#refuse(watcher, response)
    } else if (response.events.length > 0 || response.fragment || watcher.hasPart) {
      watcher.receive(response, header)
      this.#onUseful()
    } else {
      // Every version sends this in order with the changes, and only if the watch is synced.
      watcher.progress(header, this.#ports.clock.now())
      this.#onUseful()
    }
  }

  #onProgressAnswer(response: WatchResponse, header: ResponseHeader): void {
    // They are of some watch, which would miss them.
    if (response.events.length > 0) throw misdirectedError('changes', WHOLE_STREAM)
    if (response.canceled) return
    const asked = this.#questions.answered()
    this.#stream?.answered?.(asked.monotonicMs)
    const isStale = this.#live.progress(header, asked.wallMs, this.#questions.isOrderKept)
    this.#heartbeat.answered()
    this.#ports.onUseful()
    // Before etcd 3.5 progress is reported at once even if a create in front of it waits.
    if (this.#askedSince !== undefined && !this.#creates.isPending)
      this.#reportAnswered('progress', this.#askedSince)
    this.#askedSince = undefined
    if (this.#isOver) return
    this.#heartbeat.progressed()
    if (isStale) this.#ask()
  }

  #onCreateAnswer(response: WatchResponse, header: ResponseHeader): void {
    const create = this.#creates.answered()
    this.#assertUnused(response, create !== undefined)
    if (create !== undefined) {
      this.#stream?.answered?.(create.sentAt)
      this.#reportAnswered('create', create.sentAt)
    }
    this.#heartbeat.reacted()
    this.#questions.created()
    if (create?.type === 'watcher') {
      const { watcher } = create
      this.#creates.remove(watcher)
      if (!response.canceled) this.#onCreated(watcher, response.watchId, header)
      else if (watcher.state === 'connecting') this.#refuseCreate(watcher, response)
    } else if (!response.canceled) {
      this.#dismiss(response.watchId)
    }
    if (this.#isOver) return
    if (create?.type === 'ping' && create.isQuestion) this.#ask()
    for (const watcher of this.#unproven) {
      this.#unproven.delete(watcher)
      this.#ports.onUnproven(watcher)
    }
    this.#createNext()
  }

  #onCreated(watcher: WatchState, id: number, header: ResponseHeader): void {
    if (watcher.state !== 'connecting') {
      this.#dismiss(id)
      return
    }
    const acceptance = watcher.accept(header, this.#confirmation)
    if (acceptance === 'live') {
      this.#quietUntil = monotonicNow(this.#ports.clock) + SYNC_MS
      this.#live.set(id, watcher, this.#questions.open)
      watcher.provenOn(this)
      watcher.goLive(header, this.endpoint, this.#questions.isOrderKept)
      this.#ports.onLive(watcher)
      this.#heartbeat.requestProgress()
      return
    }
    this.#dismiss(id)
    if (acceptance === 'ahead') this.#creates.add(watcher)
    if (acceptance === 'verify') this.#ports.onDoubt(watcher)
  }

  /**
   * An answer for the id of a live watch would end that one unnoticed. Only the refusal of a create may have it, since
   * etcd before 3.5 refuses with the id that was asked for.
   */
  #assertUnused({ watchId, canceled }: WatchResponse, isAwaited: boolean): void {
    if (canceled && isAwaited) return
    const isUsed = this.#live.get(watchId) !== undefined
    if (isUsed || (watchId < 0 && !canceled)) throw misdirectedError('a new watch', watchId)
  }

  #refuseCreate(watcher: WatchState, response: WatchResponse): void {
    // Only possible with client-side ids; the next one differs.
    if (refusalOf(response) === 'duplicate_id') this.#creates.add(watcher)
    else this.#refuse(watcher, response)
  }

  #refuse(watcher: WatchState, response: WatchResponse): void {
    const refusal = refusalOf(response)
    if (refusal === 'compacted') watcher.compact(response.compactRevision)
    else this.#ports.onRefused(watcher, refusal, response)
  }

  /** Cancels a watch that the server serves but this client does not know. */
  #onStranger(response: WatchResponse): void {
    if (response.canceled || response.compactRevision > 0) this.#dismissed.delete(response.watchId)
    else if (!this.#dismissed.has(response.watchId)) this.#dismiss(response.watchId)
  }

  #dismiss(id: number): void {
    this.#live.delete(id)
    this.#dismissed.add(id)
    this.#send({ request: { type: 'cancel', value: { watchId: id } } })
  }

  /** Creates the next watch. If none is waiting, a ping shows the server's answer that others need. */
  #createNext(): void {
    if (this.#creates.isEmpty && this.#unproven.size > 0) this.#ping(false)
    else this.#creates.next()
  }

  #ping(isQuestion: boolean): void {
    const [watcher] = [...this.#live.watchers(), ...this.#unproven]
    if (watcher !== undefined) this.#creates.ping(watcher, isQuestion)
  }

  #measureBacklog(): () => boolean {
    return measureBacklog(this.#ports.clock, () => this.#stream?.othersBytes ?? 0)
  }

  #onPart(): void {
    this.#heartbeat.notePart()
    this.#creates.notePart()
  }

  #askIfQuiet(): boolean {
    const isBusy = this.#creates.isPending || !this.#creates.isEmpty || this.#live.size === 0
    if (isBusy || monotonicNow(this.#ports.clock) < this.#quietUntil) return false
    if (!this.#questions.isOrderKept) this.#ping(true)
    else this.#ask()
    return true
  }

  #ask(): void {
    this.#send({ request: { type: 'progress', value: {} } })
    this.#questions.asked()
    this.#askedSince ??= monotonicNow(this.#ports.clock)
  }

  #reportAnswered(kind: WatchRequestKind, sentAt: number): void {
    this.#ports.onAnswered(kind, monotonicNow(this.#ports.clock) - sentAt)
  }

  #onUseful(): void {
    this.#heartbeat.useful()
    this.#ports.onUseful()
  }

  #send(request: Init<WatchRequest>): void {
    if (!this.#isOver) this.#stream?.send(request)
  }

  #fail(reason: StreamEnding['reason'], error: EtcdError | undefined): void {
    const stream = this.#stream
    const isLate = reason !== 'failed' && reason !== 'dropped'
    // A dead peer says nothing about the network: more patience would only find the next dead peer later.
    const isDead = isLate && stream?.isPeerSilent === true
    if (isLate) stream?.suspect?.()
    this.#end({ reason: isDead ? 'dead' : reason, error })
    stream?.cancel()
  }

  #end(ending: Omit<StreamEnding, 'suspects'>): void {
    if (this.#isOver) return
    this.#isOver = true
    const suspects = ending.error?.code === 'response_too_large' ? [...this.#live.watchers()] : []
    for (const watcher of suspects) watcher.oversizes += 1
    this.#heartbeat.stop()
    this.#creates.stop()
    this.#live.clear()
    this.#unproven.clear()
    this.#ports.onEnd({ ...ending, suspects })
  }
}
