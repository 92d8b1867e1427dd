import { type Clock, elapsedMs, keepRunning, type Moment } from '../clock.ts'
import { CallDeadline } from '../call-deadline.ts'
import { errorCodes } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Channel } from '../transport/transport.ts'
import { asEtcdError } from '../as-etcd-error.ts'
import type { LeaseKeepAliveResponse } from '../wire/lease.ts'
import { answerMs, type Beat, intervalMs, newBeat } from './beat.ts'
import { KeepAliveLine } from './keep-alive-line.ts'
import type { LeaseCore } from './lease.ts'
import { Patience } from './patience.ts'
import { renewOnce } from './renew-once.ts'

const CALL = 'Lease/LeaseKeepAlive'

/** What `KeepAlive` needs from the client. */
export interface KeepAlivePorts {
  readonly channel: Channel
  readonly clock: Clock
  readonly logger: Logger
}

type State =
  | { readonly type: 'idle' }
  | { readonly type: 'open'; readonly line: KeepAliveLine }
  | { readonly type: 'waiting'; readonly timer: unknown }
  | { readonly type: 'refreshing' }
  | { readonly type: 'closed' }

/**
 * Renews all leases on one shared stream, at fixed intervals, whether or not the previous renewal was
 * answered. A renewal that is not answered in time is sent again on a new stream, at another endpoint if
 * there is one, until the lease expires. The previous stream stays open as long as its answers are useful: it
 * may only be slow, and then later answers get more time, as far as the other endpoints can do without it.
 */
export class KeepAlive {
  readonly #ports: KeepAlivePorts
  readonly #beats = new Map<bigint, Beat>()
  /** Streams whose answers are late but still useful. */
  readonly #lateLines = new Set<KeepAliveLine>()
  #state: State = { type: 'idle' }
  #attempt = 0
  #avoid: string | undefined
  readonly #closing = new AbortController()
  readonly #patience: Patience
  /** Why the last token could not be obtained; the reason for the refusals of the token before. */
  #tokenError: EtcdError | undefined

  constructor(ports: KeepAlivePorts) {
    this.#ports = ports
    this.#patience = new Patience(ports.clock)
  }

  /** Renews the lease now and from now on. */
  keep(lease: LeaseCore): void {
    const { id, ttlSeconds } = lease
    const beat = this.#beats.get(id) ?? newBeat(id, ttlSeconds)
    if (this.#state.type === 'closed' || beat.leases.has(lease)) return
    this.#beats.set(id, beat)
    beat.leases.add(lease)
    this.#onDue(beat)
  }

  /** Stops renewing for this holder. The stream is closed with the last lease. */
  drop(lease: LeaseCore): void {
    const beat = this.#beats.get(lease.id)
    if (!beat?.leases.delete(lease) || beat.leases.size > 0) return
    this.#beats.delete(beat.id)
    this.#clear(beat)
    if (this.#beats.size === 0) this.#leave('idle')
  }

  close(): void {
    this.#closing.abort()
    for (const beat of this.#beats.values()) this.#clear(beat)
    this.#beats.clear()
    this.#leave('closed')
  }

  #leave(next: 'idle' | 'closed'): void {
    const state = this.#state
    if (state.type === 'closed') return
    this.#state = { type: next }
    if (state.type === 'waiting') this.#ports.clock.clearTimeout(state.timer)
    if (state.type === 'open') state.line.cancel()
    for (const line of this.#lateLines) line.cancel()
    this.#lateLines.clear()
  }

  #clear({ dueTimer, lateTimer, apart }: Beat): void {
    this.#ports.clock.clearTimeout(dueTimer)
    this.#ports.clock.clearTimeout(lateTimer)
    apart?.abort()
  }

  /** The lease has to be renewed now. */
  #onDue(beat: Beat): void {
    for (const lease of [...beat.leases]) if (lease.isLost) lease.expire()
    if (this.#beats.get(beat.id) !== beat) return
    this.#dueIn(beat, intervalMs(beat))
    if (beat.isApart) {
      void this.#renewApart(beat)
      return
    }
    beat.isDue = true
    this.#dropUseless()
    if (this.#state.type === 'open') this.#send(beat, this.#state.line)
    else if (this.#state.type === 'idle') this.#open()
    // Otherwise a stream is about to be opened, which sends everything that is due.
  }

  #dueIn(beat: Beat, ms: number): void {
    const { clock } = this.#ports
    clock.clearTimeout(beat.dueTimer)
    beat.dueTimer = clock.setTimeout(() => this.#onDue(beat), ms)
  }

  #send(beat: Beat, line: KeepAliveLine): void {
    beat.isDue = false
    line.ask(beat.id)
    this.#awaitAnswer(beat, line)
  }

  /** Starts the timer for the oldest unanswered request on the current stream. */
  #awaitAnswer(beat: Beat, line: KeepAliveLine): void {
    const { channel, clock } = this.#ports
    clock.clearTimeout(beat.lateTimer)
    const oldest = line.oldest(beat.id)
    if (oldest === undefined) return
    const lateMs = this.#patience.lateMs(beat, line.endpoint, oldest, channel.endpoints().length)
    beat.lateTimer = clock.setTimeout(() => this.#onLate(line), lateMs)
  }

  /** Renews a lease that the server refused on a stream of its own, so that the shared stream continues. */
  async #renewApart(beat: Beat): Promise<void> {
    if (beat.apart !== undefined) return
    const { clock } = this.#ports
    const apart = new AbortController()
    beat.apart = apart
    const deadline = new CallDeadline(clock, CALL, intervalMs(beat))
    const ports = { ...this.#ports, closing: this.#closing.signal }
    try {
      const { ttl, sentAt } = await renewOnce(ports, beat.id, deadline, { signal: apart.signal })
      beat.isApart = false
      this.#settle(beat, ttl, sentAt, undefined)
    } catch (error) {
      noteTrouble(beat, asEtcdError(error, CALL))
      if (!apart.signal.aborted) this.#dueIn(beat, answerMs(beat))
    } finally {
      beat.apart = undefined
    }
  }

  #open(): void {
    const line: KeepAliveLine = new KeepAliveLine(this.#ports, this.#avoid, {
      onAnswer: (response, sentAt) => this.#onAnswer(line, response, sentAt),
      onEnd: (error) => this.#onEnd(line, error),
    })
    this.#state = { type: 'open', line }
    for (const beat of [...this.#beats.values()]) if (beat.isDue) this.#send(beat, line)
  }

  #isCurrent(line: KeepAliveLine): boolean {
    return this.#state.type === 'open' && this.#state.line === line
  }

  #onAnswer(line: KeepAliveLine, { id, ttl }: LeaseKeepAliveResponse, sentAt: Moment): void {
    const beat = this.#beats.get(id)
    if (beat === undefined) return
    this.#attempt = 0
    this.#patience.learn(line.endpoint, sentAt)
    this.#settle(beat, ttl, sentAt, line.endpoint)
    if (!this.#isCurrent(line)) this.#dropUseless()
    // A renewed lease, or an endpoint that turned out to be slow, allows a longer wait.
    if (this.#state.type === 'open' && this.#beats.get(id) === beat) this.#awaitAnswer(beat, this.#state.line)
  }

  /** Applies the server's answer to a renewal. */
  #settle(beat: Beat, ttl: number, sentAt: Moment, endpoint: string | undefined): void {
    if (ttl > 0) beat.ttlSeconds = ttl
    const what = `the server reports that lease ${beat.id} does not exist: it has expired or was revoked`
    const gone = new EtcdError('lease_lost', { what, call: CALL, endpoint })
    for (const lease of [...beat.leases]) {
      if (ttl > 0) lease.renew(sentAt, ttl)
      else lease.lose(gone)
    }
  }

  /** The stream may be dead or slow: it stays open, and another one is opened. */
  #onLate(line: KeepAliveLine): void {
    if (!this.#isCurrent(line)) return
    this.#lateLines.add(line)
    this.#avoid = line.endpoint
    this.#state = { type: 'idle' }
    this.#patience.forget(line.endpoint)
    this.#askAgain(line)
    this.#open()
    this.#ports.logger.info('Answers on the keep-alive stream are late; another stream is opened', {
      endpoint: line.endpoint,
    })
  }

  /** Marks the leases with unanswered requests on this stream as due. */
  #askAgain(line: KeepAliveLine): void {
    for (const beat of this.#beats.values()) {
      this.#ports.clock.clearTimeout(beat.lateTimer)
      beat.isDue ||= line.oldest(beat.id) !== undefined
    }
  }

  /** Closes late streams without useful requests: all are answered or older than the lease's TTL. */
  #dropUseless(): void {
    const { clock } = this.#ports
    const isUseful = (id: bigint, sentAt: Moment): boolean => {
      const beat = this.#beats.get(id)
      return beat !== undefined && elapsedMs(clock, sentAt) < beat.ttlSeconds * 1_000
    }
    for (const line of [...this.#lateLines]) {
      if (line.awaits(isUseful)) continue
      this.#lateLines.delete(line)
      line.cancel()
    }
  }

  #onEnd(line: KeepAliveLine, error: EtcdError | undefined): void {
    this.#lateLines.delete(line)
    if (!this.#isCurrent(line)) return
    this.#avoid = line.endpoint
    this.#state = { type: 'idle' }
    this.#askAgain(line)
    const refused = isRefusal(error) ? this.#beats.get(line.next ?? 0n) : undefined
    const due = [...this.#beats.values()].filter(({ isDue }) => isDue)
    const trouble = error?.code === 'unauthenticated' ? (this.#tokenError ?? error) : error
    for (const beat of refused === undefined ? due : [refused]) noteTrouble(beat, trouble)
    if (refused !== undefined) this.#setApart(refused)
    if (error?.code === 'unauthenticated') this.#refreshToken()
    // Every refused lease ends one stream, so the others are sent again without a delay.
    else if (refused !== undefined && due.length > 1) this.#open()
    else if (refused === undefined && due.length > 0) this.#openLater()
    this.#ports.logger.info('The keep-alive stream ended', { endpoint: line.endpoint, error })
  }

  #setApart(beat: Beat): void {
    beat.isApart = true
    beat.isDue = false
    void this.#renewApart(beat)
  }

  #openLater(): void {
    // The remaining time of the leases limits the backoff.
    const most = Math.min(...[...this.#beats.values()].map(answerMs))
    const delayMs = Math.min(most, this.#ports.channel.backoffMs(this.#attempt))
    this.#attempt += 1
    const open = () => {
      this.#state = { type: 'idle' }
      if (this.#beats.size > 0) this.#open()
    }
    this.#state = { type: 'waiting', timer: keepRunning(this.#ports.clock.setTimeout(open, delayMs)) }
  }

  /** Continues even if no token could be fetched: it is requested again while a lease is alive. */
  #refreshToken(): void {
    this.#state = { type: 'refreshing' }
    const goOn = (error?: EtcdError) => {
      this.#tokenError = error
      for (const beat of this.#beats.values()) if (beat.isDue) noteTrouble(beat, error)
      if (this.#state.type === 'refreshing') this.#openLater()
    }
    this.#ports.channel.refreshToken().then(
      () => goOn(),
      (cause: unknown) => {
        const error = asEtcdError(cause, 'Auth/Authenticate')
        goOn(error)
        this.#ports.logger.warn('No token for the keep-alive stream', { error })
      },
    )
  }
}

function noteTrouble({ leases }: Beat, error: EtcdError | undefined): void {
  if (error === undefined) return
  for (const lease of leases) lease.noteTrouble(error)
}

/**
 * True if the server refused one request, as opposed to a failure of the stream, the endpoint or the token.
 */
function isRefusal(error: EtcdError | undefined): boolean {
  if (error?.grpcStatus === undefined || error.code === 'unauthenticated') return false
  return error.fate === 'not_applied' && !errorCodes[error.code].blamesEndpoint
}
