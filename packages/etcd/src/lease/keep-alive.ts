import { type Clock, elapsedMs, type Moment } from '../clock.ts'
import { CallDeadline } from '../call-deadline.ts'
import { errorCodes } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { KeptStream } from '../transport/kept-stream.ts'
import type { Channel } from '../transport/transport.ts'
import { asEtcdError } from '../as-etcd-error.ts'
import type { LeaseKeepAliveResponse } from '../wire/lease.ts'
import { answerMs, type Renewal, renewalIntervalMs, newRenewal } from './renewal.ts'
import { KeepAliveLine } from './keep-alive-line.ts'
import type { LeaseCore } from './lease.ts'
import { Patience } from './patience.ts'
import { publishRenewal } from './publish-renewal.ts'
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
  readonly #renewals = new Map<bigint, Renewal>()
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
    const renewal = this.#renewals.get(id) ?? newRenewal(id, ttlSeconds)
    if (this.#kept.state === 'closed' || renewal.leases.has(lease)) return
    this.#renewals.set(id, renewal)
    renewal.leases.add(lease)
    this.#onDue(renewal)
  }

  /** Stops renewing for this holder. The stream is closed with the last lease. */
  drop(lease: LeaseCore): void {
    const renewal = this.#renewals.get(lease.id)
    if (!renewal?.leases.delete(lease) || renewal.leases.size > 0) return
    this.#renewals.delete(renewal.id)
    this.#clear(renewal)
    if (this.#renewals.size === 0) this.#leave(this.#kept.leave())
  }

  close(): void {
    this.#closing.abort()
    for (const renewal of this.#renewals.values()) this.#clear(renewal)
    this.#renewals.clear()
    this.#leave(this.#kept.close())
  }

  #leave(line: KeepAliveLine | undefined): void {
    line?.cancel()
    for (const late of this.#lateLines) late.cancel()
    this.#lateLines.clear()
  }

  #clear({ dueTimer, lateTimer, apart }: Renewal): void {
    this.#ports.clock.clearTimeout(dueTimer)
    this.#ports.clock.clearTimeout(lateTimer)
    apart?.abort()
  }

  /** The lease has to be renewed now. */
  #onDue(renewal: Renewal): void {
    for (const lease of [...renewal.leases]) if (lease.isLost) lease.expire()
    if (this.#renewals.get(renewal.id) !== renewal) return
    this.#dueIn(renewal, renewalIntervalMs(renewal))
    if (renewal.isApart) {
      void this.#renewApart(renewal)
      return
    }
    renewal.isDue = true
    this.#dropUseless()
    const line = this.#kept.current
    if (line !== undefined) this.#send(renewal, line)
    else if (this.#kept.state === 'idle') this.#open()
    // Otherwise a stream is about to be opened, which sends everything that is due.
  }

  #dueIn(renewal: Renewal, ms: number): void {
    const { clock } = this.#ports
    clock.clearTimeout(renewal.dueTimer)
    renewal.dueTimer = clock.setTimeout(() => this.#onDue(renewal), ms)
  }

  #send(renewal: Renewal, line: KeepAliveLine): void {
    renewal.isDue = false
    line.ask(renewal.id)
    this.#awaitAnswer(renewal, line)
  }

  /** Starts the timer for the oldest unanswered request on the current stream. */
  #awaitAnswer(renewal: Renewal, line: KeepAliveLine): void {
    const { channel, clock } = this.#ports
    clock.clearTimeout(renewal.lateTimer)
    const oldest = line.oldest(renewal.id)
    if (oldest === undefined) return
    const lateMs = this.#patience.lateMs(renewal, line.endpoint, oldest, channel.endpoints().length)
    renewal.lateTimer = clock.setTimeout(() => this.#onLate(line), lateMs)
  }

  /** Renews a lease whose renewal was refused, on a stream of its own, so that the shared stream stays open. */
  async #renewApart(renewal: Renewal): Promise<void> {
    if (renewal.apart !== undefined) return
    const { clock } = this.#ports
    const apart = new AbortController()
    renewal.apart = apart
    const deadline = new CallDeadline(clock, CALL, renewalIntervalMs(renewal))
    const ports = { ...this.#ports, closing: this.#closing.signal }
    try {
      const { ttl, sentAt } = await renewOnce(ports, renewal.id, deadline, { signal: apart.signal })
      renewal.isApart = false
      this.#settle(renewal, ttl, sentAt, undefined)
    } catch (error) {
      this.#noteTrouble(renewal, asEtcdError(error, CALL))
      if (!apart.signal.aborted) this.#dueIn(renewal, answerMs(renewal))
    } finally {
      renewal.apart = undefined
    }
  }

  #open(): void {
    const line: KeepAliveLine = new KeepAliveLine(this.#ports, this.#avoid, {
      onAnswer: (response, sentAt) => this.#onAnswer(line, response, sentAt),
      onEnd: (error) => this.#onEnd(line, error),
    })
    this.#kept.opens(line)
    for (const renewal of [...this.#renewals.values()]) if (renewal.isDue) this.#send(renewal, line)
  }

  #onAnswer(line: KeepAliveLine, { id, ttl }: LeaseKeepAliveResponse, sentAt: Moment): void {
    const renewal = this.#renewals.get(id)
    if (renewal === undefined) return
    this.#kept.useful()
    this.#patience.learn(line.endpoint, sentAt, this.#ports.channel.endpoints())
    this.#settle(renewal, ttl, sentAt, line.endpoint)
    if (!this.#kept.isCurrent(line)) this.#dropUseless()
    // A renewed lease, or an endpoint that turned out to be slow, allows a longer wait.
    const current = this.#kept.current
    if (current !== undefined && this.#renewals.get(id) === renewal) this.#awaitAnswer(renewal, current)
  }

  /** Applies the server's answer to a renewal. */
  #settle(renewal: Renewal, ttl: number, sentAt: Moment, endpoint: string | undefined): void {
    if (ttl > 0) renewal.ttlSeconds = ttl
    const what = `the server reports that lease ${renewal.id} does not exist: it has expired or was revoked`
    publishRenewal(this.#ports.channel, ttl > 0 ? 'renewed' : 'lost')
    const gone = new EtcdError('lease_lost', { what, call: CALL, endpoint })
    for (const lease of [...renewal.leases]) {
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
    for (const renewal of this.#renewals.values()) {
      this.#ports.clock.clearTimeout(renewal.lateTimer)
      renewal.isDue ||= line.oldest(renewal.id) !== undefined
    }
  }

  /** Closes late streams without useful requests: all are answered or older than the lease's TTL. */
  #dropUseless(): void {
    const { clock } = this.#ports
    const isUseful = (id: bigint, sentAt: Moment): boolean => {
      const renewal = this.#renewals.get(id)
      return renewal !== undefined && elapsedMs(clock, sentAt) < renewal.ttlSeconds * 1_000
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
    const refused = isRefusal(error) ? this.#renewals.get(line.next ?? 0n) : undefined
    const due = [...this.#renewals.values()].filter(({ isDue }) => isDue)
    const trouble = error?.code === 'unauthenticated' ? (this.#tokenError ?? error) : error
    for (const renewal of refused === undefined ? due : [refused]) this.#noteTrouble(renewal, trouble)
    if (refused !== undefined) this.#setApart(refused)
    if (error?.code === 'unauthenticated') this.#refreshToken()
    // Every refused lease ends one stream, so the others are sent again without a delay.
    else if (refused !== undefined && due.length > 1) this.#open()
    else if (refused === undefined && due.length > 0) this.#openLater()
    this.#ports.logger.info('The keep-alive stream ended', { endpoint: line.endpoint, error })
  }

  #noteTrouble({ leases }: Renewal, error: EtcdError | undefined): void {
    if (error === undefined) return
    publishRenewal(this.#ports.channel, 'failed', error.code)
    for (const lease of leases) lease.noteTrouble(error)
  }

  #setApart(renewal: Renewal): void {
    renewal.isApart = true
    renewal.isDue = false
    void this.#renewApart(renewal)
  }

  #openLater(): void {
    // The remaining time of the leases limits the backoff.
    const mostMs = Math.min(...[...this.#renewals.values()].map(answerMs))
    this.#kept.openLater(() => {
      if (this.#renewals.size > 0) this.#open()
    }, mostMs)
  }

  /** Continues even if no token could be fetched: it is requested again while a lease is alive. */
  #refreshToken(): void {
    this.#kept.refreshToken((error) => {
      this.#openLater()
      this.#tokenError = error
      if (error === undefined) return
      for (const renewal of this.#renewals.values()) if (renewal.isDue) this.#noteTrouble(renewal, error)
      this.#ports.logger.warn('No token for the keep-alive stream', { error })
    })
  }
}

/**
 * True if the server refused one request, as opposed to a failure of the stream, the endpoint or the token.
 */
function isRefusal(error: EtcdError | undefined): boolean {
  if (error?.grpcStatus === undefined || error.code === 'unauthenticated') return false
  return error.fate === 'not_applied' && !errorCodes[error.code].blamesEndpoint
}
