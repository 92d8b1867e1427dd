import { type Clock, keepRunning } from '../clock.ts'
import { EtcdError, isFinalError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest, RangeResponse, ResponseHeader } from '../wire/kv.ts'
import type { Init } from '../wire/message.ts'
import { KV } from '../wire/rpc.ts'
import type { WatchResponse } from '../wire/watch.ts'
import { asEtcdError } from '../as-etcd-error.ts'
import { type Refusal, refusalError } from './refusal.ts'
import type { WatchSettings } from './watch-options.ts'
import type { SessionEnding } from './session-ports.ts'
import type { ClusterChange } from './watch-handlers.ts'
import { WatchStream } from './watch-stream.ts'
import type { WatchState } from './watch-state.ts'

/** What the link needs. */
export interface LinkPorts {
  readonly channel: Channel
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: Required<WatchSettings>
  /** The watches of this link that have not ended. */
  watchers(): Iterable<WatchState>
  /** The token of the stream is no longer good, and others are on it that need no new one: the watch goes to another link. */
  onStaleToken(watcher: WatchState): void
  /** Gives the watches, none of which is on a stream, to the link that follows this one; false where there is none. */
  handOver(): boolean
}

type State =
  | { readonly type: 'idle' }
  | { readonly type: 'open'; readonly session: WatchStream }
  | { readonly type: 'waiting'; readonly timer: unknown }
  | { readonly type: 'refreshing' }
  | { readonly type: 'closed' }

/** Answers to a question about the store from which nothing follows: the watch goes on and meets the same, or it is all there is. */
const UNPROVABLE: ReadonlySet<string> = new Set([
  'compacted',
  'permission_denied',
  'request_too_large',
  'invalid_argument',
  'unimplemented',
])

/** Refusals of one watch in a row, for its token or against what reads say, until they are believed. */
const REFUSAL_LIMIT = 3

const MAX_GRACE_MS = 60_000
const MAX_PATIENCE = 64

/**
 * Keeps one watch stream open as long as there are watches, opens the next when it ends, and decides what an end or a
 * refusal means: resume, get a new token, ask the cluster, or give up.
 */
export class WatchConnection {
  readonly #ports: LinkPorts
  /** Off the stream until an answer of the cluster says whether they may go back to it. */
  readonly #asking = new Map<WatchState, symbol>()
  /** Off the stream until the store was recognized by what others know of it. */
  readonly #followers = new Set<WatchState>()
  /** Refused for now; each with the timer after which it is tried again. */
  readonly #resting = new Map<WatchState, unknown>()
  #state: State = { type: 'idle' }
  #attempt = 0
  #tokenFailures = 0
  /** Streams in a row that ended with what is final: each endpoint is asked before it is believed. */
  #finalEnds = 0
  #graceMs: number
  #patience = 1
  #avoid: string | undefined

  constructor(ports: LinkPorts) {
    this.#ports = ports
    this.#graceMs = ports.settings.progressGraceMs
  }

  get isClosed(): boolean {
    return this.#state.type === 'closed'
  }

  /** Brings a watch onto the stream, which is opened if there is none. */
  attach(watcher: WatchState): void {
    if (this.#asking.has(watcher) || this.#resting.has(watcher) || this.#followers.has(watcher)) return
    if (this.#state.type === 'open') this.#state.session.add(watcher)
    else if (this.#state.type === 'idle') this.#open()
  }

  /** Takes a watch off the stream, which is closed if that was the last one. */
  detach(watcher: WatchState): void {
    this.#asking.delete(watcher)
    this.#ports.clock.clearTimeout(this.#resting.get(watcher))
    this.#resting.delete(watcher)
    this.#followers.delete(watcher)
    this.#releaseFollowers()
    const state = this.#state
    if (state.type === 'open') {
      state.session.remove(watcher)
      this.#closeUnused(state.session)
    } else if (state.type === 'waiting' && ![...this.#ports.watchers()].some(isConnecting)) {
      this.#ports.clock.clearTimeout(state.timer)
      this.#state = { type: 'idle' }
    }
  }

  /** A watch waits for word of progress. */
  requestProgress(): void {
    if (this.#state.type === 'open') this.#state.session.requestProgress()
  }

  /** Ends the stream for good. */
  close(): void {
    const state = this.#state
    this.#state = { type: 'closed' }
    if (state.type === 'open') state.session.drop()
    if (state.type === 'waiting') this.#ports.clock.clearTimeout(state.timer)
    for (const timer of this.#resting.values()) this.#ports.clock.clearTimeout(timer)
    this.#resting.clear()
  }

  /** Opens the first stream of this link with a new token. */
  renew(): void {
    if (this.#state.type === 'idle') this.#refreshToken()
  }

  /** Ends the stream; its watches go to the link that takes over. */
  fold(): void {
    if (this.#state.type === 'open') this.#resume(this.#state.session, undefined)
    else {
      if (this.#state.type === 'waiting') this.#ports.clock.clearTimeout(this.#state.timer)
      this.#state = { type: 'idle' }
      this.#ports.handOver()
    }
  }

  #open(): void {
    const { channel, clock, settings } = this.#ports
    const session: WatchStream = new WatchStream({
      channel,
      clock,
      progressIntervalMs: settings.progressIntervalMs,
      progressGraceMs: this.#graceMs,
      openTimeoutMs: Math.max(settings.openTimeoutMs, this.#graceMs),
      idsFrom: settings.idsFrom,
      avoid: this.#avoid,
      patience: this.#patience,
      onUnproven: (watcher) => this.#prove(watcher, session),
      onDoubt: (watcher) => this.#verify(watcher, session),
      onRefused: (watcher, refusal, response) => this.#onRefused(watcher, refusal, response, session),
      onLive: () => {
        this.#tokenFailures = 0
        this.#finalEnds = 0
      },
      onUseful: () => this.#onUseful(),
      onEnd: (ending) => this.#onEnd(session, ending),
    })
    this.#state = { type: 'open', session }
    const isReady = (watcher: WatchState) =>
      isConnecting(watcher) && !this.#asking.has(watcher) && !this.#resting.has(watcher)
    const ready = [...this.#ports.watchers()].filter(isReady)
    // those that know nothing of the store follow those that do and were on the same stream
    const knowing = ready.filter((watcher) => watcher.questionFor(session) !== undefined)
    const streams = new Set<unknown>(
      knowing.map(({ lastStream }) => lastStream).filter((each) => each !== undefined),
    )
    for (const watcher of ready) {
      const isFollower = streams.has(watcher.lastStream) && watcher.questionFor(session) === undefined
      if (isFollower) this.#followers.add(watcher)
      else session.add(watcher)
    }
    session.open()
  }

  #closeUnused(session: WatchStream): void {
    if (!this.#isCurrent(session) || !session.isUnused) return
    if (this.#asking.size > 0 || this.#resting.size > 0 || this.#followers.size > 0) return
    this.#state = { type: 'idle' }
    session.drop()
  }

  #onUseful(): void {
    this.#attempt = 0
    this.#patience = 1
    this.#graceMs = this.#ports.settings.progressGraceMs
  }

  #onEnd(session: WatchStream, { reason, error }: SessionEnding): void {
    if (!this.#isCurrent(session)) return
    if (reason === 'silent')
      this.#graceMs = Math.max(this.#graceMs, Math.min(this.#graceMs * 2, MAX_GRACE_MS))
    if (reason === 'unanswered') this.#patience = Math.min(this.#patience * 2, MAX_PATIENCE)
    // the next one is tried at once: no news for people, and no stack for a log
    this.#ports.logger.debug('The watch stream ended', {
      endpoint: session.endpoint,
      reason,
      error: error?.message,
    })
    this.#resume(session, error)
  }

  /** Leaves the stream, tells the watches, and opens the next one when it is time. */
  #resume(session: WatchStream, error: EtcdError | undefined): void {
    if (session.endpoint !== '') this.#avoid = session.endpoint
    this.#state = { type: 'idle' }
    this.#followers.clear()
    session.drop()
    const needsToken = error?.code === 'unauthenticated'
    if (needsToken) this.#tokenFailures += 1
    else if (error !== undefined && isFinalError(error)) this.#finalEnds += 1
    if (error !== undefined && this.#isBelieved(error)) {
      this.#endAll(error)
      return
    }
    this.#disconnectAll(error)
    // A handler may have closed the service, or begun a watch that opened the stream.
    if (this.#state.type !== 'idle') return
    if (this.#ports.handOver()) return
    if (needsToken) this.#refreshToken()
    else this.#openLater()
  }

  /** One endpoint among others may be the only one that says so. */
  #isBelieved(error: EtcdError): boolean {
    if (error.code === 'unauthenticated') return this.#tokenFailures > REFUSAL_LIMIT
    if (!isFinalError(error)) return false
    return error.code === 'closed' || this.#finalEnds >= this.#ports.channel.endpoints().length
  }

  #disconnectAll(error: EtcdError | undefined): void {
    for (const watcher of [...this.#ports.watchers()]) watcher.disconnect(error)
  }

  #openLater(): void {
    if (![...this.#ports.watchers()].some(isConnecting)) return
    const delayMs = this.#ports.channel.backoffMs(this.#attempt)
    this.#attempt += 1
    const timer = this.#ports.clock.setTimeout(() => {
      this.#state = { type: 'idle' }
      this.#open()
    }, delayMs)
    this.#state = { type: 'waiting', timer: keepRunning(timer) }
  }

  #refreshToken(): void {
    this.#state = { type: 'refreshing' }
    const go = (error: EtcdError | undefined) => {
      if (this.#state.type !== 'refreshing') return
      this.#state = { type: 'idle' }
      if (error !== undefined && isFinalError(error)) return this.#endAll(error)
      if (error !== undefined) this.#disconnectAll(error)
      if (this.#state.type === 'idle') this.#openLater()
    }
    this.#ports.channel.refreshToken().then(
      () => go(undefined),
      (error: unknown) => go(asEtcdError(error, 'Auth/Authenticate')),
    )
  }

  #endAll(error: EtcdError): void {
    for (const watcher of [...this.#ports.watchers()]) if (watcher.state !== 'paused') watcher.end(error)
  }

  /** Whatever the reason, the other watches of the stream go on as if nothing had happened. */
  #onRefused(watcher: WatchState, refusal: Refusal, response: WatchResponse, session: WatchStream): void {
    const error = refusalError(refusal, response, session.endpoint)
    watcher.refusals += 1
    const isBelieved = refusal !== 'other' && watcher.refusals > REFUSAL_LIMIT
    if (isBelieved || refusal === 'empty_range') watcher.end(error)
    else if (refusal === 'token') this.#renewToken(watcher, session, error)
    else {
      watcher.disconnect(error)
      if (!isConnecting(watcher)) return
      if (refusal === 'permission') this.#askPermission(watcher, session)
      else this.#restAlone(watcher)
    }
    this.#closeUnused(session)
  }

  /** The token of a stream is that of its beginning: a new one takes a new stream. */
  #renewToken(watcher: WatchState, session: WatchStream, error: EtcdError): void {
    if (!this.#isCurrent(session)) return
    if (session.isUnused && this.#asking.size === 0) {
      this.#resume(session, error)
      return
    }
    watcher.disconnect(error)
    if (isConnecting(watcher)) this.#ports.onStaleToken(watcher)
  }

  #restAlone(watcher: WatchState): void {
    const { clock, channel } = this.#ports
    const timer = clock.setTimeout(
      () => {
        this.#resting.delete(watcher)
        if (isConnecting(watcher)) this.attach(watcher)
      },
      channel.backoffMs(watcher.refusals - 1),
    )
    this.#resting.set(watcher, keepRunning(timer))
  }

  /**
   * After a lost connection, and between a list and its watch, another store may have taken the place of the known one:
   * what is known of it is held against the store behind the new stream, before anything of that stream is delivered.
   */
  #prove(watcher: WatchState, session: WatchStream): void {
    const question = watcher.questionFor(session)
    if (question === undefined) {
      if (isConnecting(watcher)) this.attach(watcher)
      return
    }
    const { channel } = this.#ports
    const answer = channel.unary(KV.txn, question.request, { retry: 'read', endpoint: session.endpoint })
    this.#ask(watcher, session, 'KV/Txn', answer, {
      onAnswer: (response, header) => {
        const setback = watcher.setbackOf(header)
        if (setback === undefined && question.isSameStore(response)) watcher.provenOn(session)
        else this.#changeStore(watcher, setback ?? 'history_differs', header.clusterId)
      },
      onError: (error) => {
        // a revision that is known and has not happened: the store went back
        if (error.code === 'future_revision') {
          this.#changeStore(watcher, 'revision_went_back', watcher.clusterId ?? 0n)
          return true
        }
        // where the history is gone, or may not be read, the watch itself will be refused; where the read is, nothing can be shown
        const isOpen = UNPROVABLE.has(error.code)
        if (isOpen) watcher.provenOn(session)
        return isOpen
      },
    })
  }

  /** Whatever was on the same stream as the watch was on the same store, and is no longer. */
  #changeStore(watcher: WatchState, reason: ClusterChange['reason'], clusterId: bigint): void {
    const { lastStream } = watcher
    const isAlike = (each: WatchState) =>
      each === watcher || (lastStream !== undefined && each.lastStream === lastStream && isConnecting(each))
    for (const each of [...this.#ports.watchers()].filter(isAlike)) each.changeCluster(reason, clusterId)
  }

  /** Nobody who was on their stream is asked about any more: they may go on. */
  #releaseFollowers(): void {
    if (this.#followers.size === 0 || this.#state.type !== 'open') return
    const { session } = this.#state
    const knowing = [...this.#ports.watchers()].filter(
      (watcher) => isConnecting(watcher) && watcher.questionFor(session) !== undefined,
    )
    for (const follower of this.#followers) {
      if (knowing.some(({ lastStream }) => lastStream === follower.lastStream)) continue
      this.#followers.delete(follower)
      if (isConnecting(follower)) this.attach(follower)
    }
  }

  /** The store at this member may have gone back: a linearizable read tells whether the member only lags. */
  #verify(watcher: WatchState, session: WatchStream): void {
    this.#ask(watcher, session, 'KV/Range', this.#read({ key: watcher.plan.range.key }), {
      onAnswer: (_, header) => {
        const setback = watcher.setbackOf(header)
        if (setback === undefined) session.confirmStore(header)
        else watcher.changeCluster(setback, header.clusterId)
      },
    })
  }

  /**
   * "Permission denied" is also what etcd before 3.5 says of a stream whose token has expired. A read of the same range
   * goes with a good token: if that is refused too, it is true; if not, it is the stream that needs the new token.
   */
  #askPermission(watcher: WatchState, session: WatchStream): void {
    this.#ask(watcher, session, 'KV/Range', this.#read({ ...watcher.plan.range, serializable: true }), {
      onAnswer: () => {
        this.#renewToken(watcher, session, staleTokenError(session.endpoint))
      },
    })
  }

  #read(range: Init<RangeRequest>): Promise<RangeResponse> {
    return this.#ports.channel.unary(KV.range, { ...range, limit: 1, keysOnly: true }, { retry: 'read' })
  }

  /** Waits for what the store answers about a watch, which stays off the stream meanwhile. */
  #ask<Response extends { readonly header: ResponseHeader | undefined }>(
    watcher: WatchState,
    session: WatchStream,
    call: string,
    answer: Promise<Response>,
    on: { onAnswer(response: Response, header: ResponseHeader): void; onError?(error: EtcdError): boolean },
  ): void {
    const mark = Symbol('asked')
    this.#asking.set(watcher, mark)
    const isAnswered = () => this.#asking.get(watcher) === mark && this.#asking.delete(watcher)
    const goOn = () => {
      if (isConnecting(watcher)) this.attach(watcher)
      this.#releaseFollowers()
    }
    const fail = (error: EtcdError) => {
      if (!isAnswered()) return
      if (on.onError?.(error)) goOn()
      else if (error.code !== 'unauthenticated' && isFinalError(error)) watcher.end(error)
      else if (this.#isCurrent(session)) this.#resume(session, error)
      else goOn()
    }
    answer.then(
      (response) => {
        const { header } = response
        if (header === undefined) return fail(new EtcdError('malformed_message', { call }))
        if (!isAnswered()) return
        on.onAnswer(response, header)
        goOn()
      },
      (error: unknown) => fail(asEtcdError(error, call)),
    )
  }

  #isCurrent(session: WatchStream): boolean {
    return this.#state.type === 'open' && this.#state.session === session
  }
}

function isConnecting(watcher: WatchState): boolean {
  return watcher.state === 'connecting'
}

function staleTokenError(endpoint: string): EtcdError {
  return new EtcdError('unauthenticated', {
    call: 'Watch/Watch',
    endpoint,
    what: 'the token of the watch stream is no longer good; a new one is fetched',
  })
}
