import { type Clock, keepRunning } from '../clock.ts'
import { EtcdError, isFinalError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest, ResponseHeader } from '../wire/kv.ts'
import type { Init } from '../wire/message.ts'
import { KV } from '../wire/rpc.ts'
import type { WatchResponse } from '../wire/watch.ts'
import { asEtcdError } from './as-etcd-error.ts'
import { type Refusal, refusalError } from './refusal.ts'
import type { WatchSettings } from './watch-options.ts'
import type { SessionEnding } from './session-ports.ts'
import { WatchSession } from './watch-session.ts'
import type { WatcherCore } from './watcher-core.ts'

/** What the link needs. */
export interface LinkPorts {
  readonly channel: Channel
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: Required<WatchSettings>
  /** All watches that have not ended. */
  watchers(): Iterable<WatcherCore>
}

type State =
  | { readonly type: 'idle' }
  | { readonly type: 'open'; readonly session: WatchSession }
  | { readonly type: 'waiting'; readonly timer: unknown }
  | { readonly type: 'refreshing' }
  | { readonly type: 'closed' }

/** Refusals of one watch in a row, for its token or against what reads say, until they are believed. */
const refusalLimit = 3

const maxGraceMs = 60_000
const maxPatience = 64

/**
 * Keeps one watch stream open as long as there are watches, opens the next when it ends, and decides what an end or a
 * refusal means: resume, get a new token, ask the cluster, or give up.
 */
export class WatchLink {
  readonly #ports: LinkPorts
  /** Off the stream until an answer of the cluster says whether they may go back to it. */
  readonly #asking = new Map<WatcherCore, symbol>()
  #state: State = { type: 'idle' }
  #attempt = 0
  #tokenFailures = 0
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
  attach(watcher: WatcherCore): void {
    if (this.#asking.has(watcher)) return
    if (this.#state.type === 'open') this.#state.session.add(watcher)
    else if (this.#state.type === 'idle') this.#open()
  }

  /** Takes a watch off the stream, which is closed if that was the last one. */
  detach(watcher: WatcherCore): void {
    this.#asking.delete(watcher)
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
  hurry(): void {
    if (this.#state.type === 'open') this.#state.session.hurry()
  }

  /** Ends the stream for good. */
  close(): void {
    const state = this.#state
    this.#state = { type: 'closed' }
    if (state.type === 'open') state.session.drop()
    if (state.type === 'waiting') this.#ports.clock.clearTimeout(state.timer)
  }

  #open(): void {
    const { channel, clock, settings } = this.#ports
    const session: WatchSession = new WatchSession({
      channel,
      clock,
      progressIntervalMs: settings.progressIntervalMs,
      progressGraceMs: this.#graceMs,
      openTimeoutMs: Math.max(settings.openTimeoutMs, this.#graceMs),
      idsFrom: settings.idsFrom,
      avoid: this.#avoid,
      patience: this.#patience,
      onDoubt: (watcher) => this.#verify(watcher, session),
      onRefused: (watcher, refusal, response) => this.#onRefused(watcher, refusal, response, session),
      onLive: () => {
        this.#tokenFailures = 0
      },
      onUseful: () => this.#onUseful(),
      onEnd: (ending) => this.#onEnd(session, ending),
    })
    this.#state = { type: 'open', session }
    for (const watcher of this.#ports.watchers()) {
      if (isConnecting(watcher) && !this.#asking.has(watcher)) session.add(watcher)
    }
    session.open()
  }

  #closeUnused(session: WatchSession): void {
    if (!this.#isCurrent(session) || !session.isUnused || this.#asking.size > 0) return
    this.#state = { type: 'idle' }
    session.drop()
  }

  #onUseful(): void {
    this.#attempt = 0
    this.#patience = 1
    this.#graceMs = this.#ports.settings.progressGraceMs
  }

  #onEnd(session: WatchSession, { reason, error }: SessionEnding): void {
    if (!this.#isCurrent(session)) return
    if (reason === 'silent') this.#graceMs = Math.max(this.#graceMs, Math.min(this.#graceMs * 2, maxGraceMs))
    if (reason === 'unanswered') this.#patience = Math.min(this.#patience * 2, maxPatience)
    this.#ports.logger.info('The watch stream ended', { endpoint: session.endpoint, reason, error })
    this.#resume(session, error)
  }

  /** Leaves the stream, tells the watches, and opens the next one when it is time. */
  #resume(session: WatchSession, error: EtcdError | undefined): void {
    if (session.endpoint !== '') this.#avoid = session.endpoint
    this.#state = { type: 'idle' }
    session.drop()
    const needsToken = error?.code === 'unauthenticated'
    if (needsToken) this.#tokenFailures += 1
    if (error !== undefined && (needsToken ? this.#tokenFailures > refusalLimit : isFinalError(error))) {
      this.#endAll(error)
      return
    }
    this.#disconnectAll(error)
    // A handler may have closed the service, or begun a watch that opened the stream.
    if (this.#state.type !== 'idle') return
    if (needsToken) this.#refreshToken()
    else this.#openLater()
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

  #onRefused(watcher: WatcherCore, refusal: Refusal, response: WatchResponse, session: WatchSession): void {
    const error = refusalError(refusal, response, session.endpoint)
    watcher.refusals += 1
    if (refusal !== 'other' && watcher.refusals > refusalLimit) watcher.end(error)
    else if (refusal !== 'permission') this.#resume(session, error)
    else {
      watcher.disconnect(error)
      if (isConnecting(watcher)) this.#askPermission(watcher, session)
    }
  }

  /** The store at this member may have gone back: a linearizable read tells whether the member only lags. */
  #verify(watcher: WatcherCore, session: WatchSession): void {
    this.#ask(watcher, session, { key: watcher.plan.range.key }, (header) => {
      const setback = watcher.setbackOf(header)
      if (setback === undefined) session.vouch(header)
      else watcher.changeCluster(setback, header.clusterId)
    })
  }

  /**
   * "Permission denied" is also what etcd before 3.5 says of a stream whose token has expired. A read of the same range
   * goes with a good token: if that is refused too, it is true; if not, it is the stream that needs the new token.
   */
  #askPermission(watcher: WatcherCore, session: WatchSession): void {
    this.#ask(watcher, session, { ...watcher.plan.range, serializable: true }, () => {
      if (this.#isCurrent(session)) this.#resume(session, staleTokenError(session.endpoint))
    })
  }

  /** Asks the store something about a watch, which stays off the stream meanwhile. */
  #ask(
    watcher: WatcherCore,
    session: WatchSession,
    range: Init<RangeRequest>,
    onAnswer: (header: ResponseHeader) => void,
  ): void {
    const mark = Symbol('asked')
    this.#asking.set(watcher, mark)
    const isAnswered = () => this.#asking.get(watcher) === mark && this.#asking.delete(watcher)
    const fail = (error: EtcdError) => {
      if (!isAnswered()) return
      if (error.code !== 'unauthenticated' && isFinalError(error)) watcher.end(error)
      else if (this.#isCurrent(session)) this.#resume(session, error)
      else if (isConnecting(watcher)) this.attach(watcher)
    }
    this.#ports.channel.unary(KV.range, { ...range, limit: 1, keysOnly: true }, { retry: 'read' }).then(
      ({ header }) => {
        if (header === undefined) return fail(new EtcdError('malformed_message', { call: 'KV/Range' }))
        if (!isAnswered()) return
        onAnswer(header)
        if (isConnecting(watcher)) this.attach(watcher)
      },
      (error: unknown) => fail(asEtcdError(error, 'KV/Range')),
    )
  }

  #isCurrent(session: WatchSession): boolean {
    return this.#state.type === 'open' && this.#state.session === session
  }
}

const isConnecting = (watcher: WatcherCore): boolean => watcher.state === 'connecting'

const staleTokenError = (endpoint: string): EtcdError =>
  new EtcdError('unauthenticated', {
    call: 'Watch/Watch',
    endpoint,
    what: 'the token of the watch stream is no longer good; a new one is fetched',
  })
