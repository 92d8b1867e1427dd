import { type Clock, elapsedMs, type Moment } from '../clock.ts'
import { CallDeadline } from '../call-deadline.ts'
import { errorCodes } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { KeptStream } from '../transport/kept-stream.ts'
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

/**
 * Renews all leases on one shared stream, at fixed intervals, whether or not the previous renewal was
 * answered. A renewal that is not answered in time is sent again on a new stream, at another endpoint if
 * there is one, until the lease expires. The previous stream stays open while its answers are useful, because it
 * may only be slow; a slow endpoint gets more time for later answers, within its share of the TTL.
 */
export class KeepAlive {
  readonly #ports: KeepAlivePorts
  readonly #beats = new Map<bigint, Beat>()
  /** Streams whose answers are late but still useful. */
  readonly #lateLines = new Set<KeepAliveLine>()
  readonly #kept: KeptStream<KeepAliveLine>
  #avoid: string | undefined
  readonly #closing = new AbortController()
  readonly #patience: Patience
  /** Why the last token could not be fetched: reported when the server refuses the old one. */
  #tokenError: EtcdError | undefined

  constructor(ports: KeepAlivePorts) {
    this.#ports = ports
    this.#kept = new KeptStream(ports)
    this.#patience = new Patience(ports.clock)
  }

  /** Renews the lease now and from now on. */
  keep(lease: LeaseCore): void {
    const { id, ttlSeconds } = lease
    const beat = this.#beats.get(id) ?? newBeat(id, ttlSeconds)
    if (this.#kept.state === 'closed' || beat.leases.has(lease)) return
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
    if (this.#beats.size === 0) this.#leave(this.#kept.leave())
  }

  close(): void {
    this.#closing.abort()
    for (const beat of this.#beats.values()) this.#clear(beat)
    this.#beats.clear()
    this.#leave(this.#kept.close())
  }

  #leave(line: KeepAliveLine | undefined): void {
    line?.cancel()
    for (const late of this.#lateLines) late.cancel()
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
    const line = this.#kept.current
    if (line !== undefined) this.#send(beat, line)
    else if (this.#kept.state === 'idle') this.#open()
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

  /** Renews a lease whose renewal was refused, on a stream of its own, so that the shared stream stays open. */
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
    this.#kept.opens(line)
    for (const beat of [...this.#beats.values()]) if (beat.isDue) this.#send(beat, line)
  }

  #onAnswer(line: KeepAliveLine, { id, ttl }: LeaseKeepAliveResponse, sentAt: Moment): void {
    const beat = this.#beats.get(id)
    if (beat === undefined) return
    this.#kept.useful()
    this.#patience.learn(line.endpoint, sentAt, this.#ports.channel.endpoints())
    this.#settle(beat, ttl, sentAt, line.endpoint)
    if (!this.#kept.isCurrent(line)) this.#dropUseless()
    // A renewed lease, or an endpoint that turned out to be slow, allows a longer wait.
    const current = this.#kept.current
    if (current !== undefined && this.#beats.get(id) === beat) this.#awaitAnswer(beat, current)
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
    if (!this.#kept.isCurrent(line)) return
    line.suspect()
    this.#lateLines.add(line)
    this.#avoid = line.endpoint
    this.#kept.leave()
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
    if (!this.#kept.isCurrent(line)) return
    this.#avoid = line.endpoint
    this.#kept.leave()
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
    const mostMs = Math.min(...[...this.#beats.values()].map(answerMs))
    this.#kept.openLater(() => {
      if (this.#beats.size > 0) this.#open()
    }, mostMs)
  }

  /** Continues even if no token could be fetched: it is requested again while a lease is alive. */
  #refreshToken(): void {
    this.#kept.refreshToken((error) => {
      this.#openLater()
      this.#tokenError = error
      if (error === undefined) return
      for (const beat of this.#beats.values()) if (beat.isDue) noteTrouble(beat, error)
      this.#ports.logger.warn('No token for the keep-alive stream', { error })
    })
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
