import { type Clock, keepRunning } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Channel, DuplexStream } from '../transport/transport.ts'
import type { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '../wire/lease.ts'
import { Lease } from '../wire/rpc.ts'
import { asEtcdError } from '../watch/as-etcd-error.ts'
import type { LeaseCore, Renewal } from './lease.ts'

/** What keeping alive needs. */
export interface KeepAlivePorts {
  readonly channel: Channel
  readonly clock: Clock
  readonly logger: Logger
}

/** One lease that is being renewed. */
interface Beat {
  readonly lease: LeaseCore
  /** Until the next request, or until the answer to the last one is late. */
  timer: unknown
  /** Sent and not answered. */
  asked: Renewal | undefined
}

type State =
  | { readonly type: 'idle' }
  | { readonly type: 'open'; readonly stream: DuplexStream<LeaseKeepAliveRequest> }
  | { readonly type: 'waiting'; readonly timer: unknown }
  | { readonly type: 'refreshing' }
  | { readonly type: 'closed' }

/** Between renewals: a third of the lease's time, and no more than a day. */
const intervalMs = (ttlSeconds: number): number => Math.min((ttlSeconds * 1_000) / 3, 86_400_000)

/** For an answer, until the stream is taken for dead: a sixth of the lease's time, and no more than five seconds. */
const answerMs = (ttlSeconds: number): number => Math.min((ttlSeconds * 1_000) / 6, 5_000)

/**
 * Renews leases, all of them on one stream. A renewal that is not answered in time cuts the stream and is sent again on
 * another endpoint, until the lease itself runs out.
 */
export class KeepAlive {
  readonly #ports: KeepAlivePorts
  readonly #beats = new Map<bigint, Beat>()
  #state: State = { type: 'idle' }
  #attempt = 0
  #avoid: string | undefined

  constructor(ports: KeepAlivePorts) {
    this.#ports = ports
  }

  /** Renews the lease at once and from now on. */
  keep(lease: LeaseCore): void {
    if (this.#state.type === 'closed' || this.#beats.has(lease.id)) return
    const beat: Beat = { lease, timer: undefined, asked: undefined }
    this.#beats.set(lease.id, beat)
    this.#beat(beat)
  }

  /** Renews it no more; the stream is closed with the last lease. */
  drop(lease: LeaseCore): void {
    const beat = this.#beats.get(lease.id)
    if (beat?.lease !== lease) return
    this.#beats.delete(lease.id)
    this.#clear(beat)
    if (this.#beats.size === 0) this.#leave('idle')
  }

  close(): void {
    for (const beat of this.#beats.values()) this.#clear(beat)
    this.#beats.clear()
    this.#leave('closed')
  }

  #leave(next: 'idle' | 'closed'): void {
    const state = this.#state
    if (state.type === 'closed') return
    this.#state = { type: next }
    if (state.type === 'open') state.stream.cancel()
    if (state.type === 'waiting') this.#ports.clock.clearTimeout(state.timer)
  }

  #clear(beat: Beat): void {
    this.#ports.clock.clearTimeout(beat.timer)
    if (beat.asked !== undefined) beat.lease.giveUp(beat.asked)
    beat.asked = undefined
  }

  /** It is time to renew this lease. */
  #beat(beat: Beat): void {
    const { lease } = beat
    if (lease.isLost) lease.expire()
    else if (this.#state.type === 'open') this.#send(beat, this.#state.stream)
    else if (this.#state.type === 'idle') this.#open()
    // Otherwise a stream is about to be opened, and all that is due is sent then.
  }

  #send(beat: Beat, stream: DuplexStream<LeaseKeepAliveRequest>): void {
    const { lease } = beat
    this.#clear(beat)
    beat.asked = lease.ask()
    beat.timer = this.#ports.clock.setTimeout(() => this.#onLate(stream), answerMs(lease.ttlSeconds))
    stream.send({ id: lease.id })
  }

  #open(): void {
    const stream: DuplexStream<LeaseKeepAliveRequest> = this.#ports.channel.stream(
      Lease.keepAlive,
      {
        onMessage: (response) => this.#onAnswer(stream, response),
        onEnd: (error) => this.#onEnd(stream, error),
      },
      this.#avoid === undefined ? {} : { avoid: this.#avoid },
    )
    this.#state = { type: 'open', stream }
    for (const beat of [...this.#beats.values()]) this.#sendIfDue(beat, stream)
  }

  /** A lease that was renewed lately waits for its turn. */
  #sendIfDue(beat: Beat, stream: DuplexStream<LeaseKeepAliveRequest>): void {
    if (this.#beats.get(beat.lease.id) !== beat) return
    if (beat.lease.isLost) beat.lease.expire()
    else if (beat.timer === undefined) this.#send(beat, stream)
  }

  #isCurrent(stream: DuplexStream<LeaseKeepAliveRequest>): boolean {
    return this.#state.type === 'open' && this.#state.stream === stream
  }

  #onAnswer(stream: DuplexStream<LeaseKeepAliveRequest>, { id, ttl }: LeaseKeepAliveResponse): void {
    const beat = this.#beats.get(id)
    if (!this.#isCurrent(stream) || beat?.asked === undefined) return
    const { lease, asked } = beat
    this.#attempt = 0
    if (ttl <= 0) {
      const what = `the server says that lease ${id} is gone: it has expired or was revoked`
      lease.lose(
        new EtcdError('lease_lost', { what, call: 'Lease/LeaseKeepAlive', endpoint: stream.endpoint }),
      )
      return
    }
    this.#ports.clock.clearTimeout(beat.timer)
    beat.asked = undefined
    lease.renew(asked, ttl)
    beat.timer = this.#ports.clock.setTimeout(() => {
      beat.timer = undefined
      this.#beat(beat)
    }, intervalMs(ttl))
  }

  #onLate(stream: DuplexStream<LeaseKeepAliveRequest>): void {
    if (!this.#isCurrent(stream)) return
    const what = 'the server did not answer on the keep-alive stream in time, which was cut'
    this.#onEnd(stream, new EtcdError('connection_lost', { what, endpoint: stream.endpoint }))
    stream.cancel()
  }

  #onEnd(stream: DuplexStream<LeaseKeepAliveRequest>, error: EtcdError | undefined): void {
    if (!this.#isCurrent(stream)) return
    this.#ports.logger.info('The keep-alive stream ended', { endpoint: stream.endpoint, error })
    this.#avoid = stream.endpoint
    let isAnyDue = false
    for (const beat of this.#beats.values()) {
      if (beat.asked === undefined && beat.timer !== undefined) continue
      this.#clear(beat)
      beat.timer = undefined
      isAnyDue = true
    }
    this.#state = { type: 'idle' }
    if (error?.code === 'unauthenticated') this.#refreshToken()
    else if (isAnyDue) this.#openLater()
  }

  #openLater(): void {
    // The time that is left is worth more than the server's peace.
    const most = Math.min(...[...this.#beats.values()].map(({ lease }) => answerMs(lease.ttlSeconds)))
    const delayMs = Math.min(most, this.#ports.channel.backoffMs(this.#attempt))
    this.#attempt += 1
    const open = () => {
      this.#state = { type: 'idle' }
      if (this.#beats.size > 0) this.#open()
    }
    this.#state = { type: 'waiting', timer: keepRunning(this.#ports.clock.setTimeout(open, delayMs)) }
  }

  /** Also when the token cannot be had: it is asked for again as long as there is time. */
  #refreshToken(): void {
    this.#state = { type: 'refreshing' }
    const go = () => {
      if (this.#state.type === 'refreshing') this.#openLater()
    }
    this.#ports.channel.refreshToken().then(go, (error: unknown) => {
      this.#ports.logger.warn('No token for the keep-alive stream', {
        error: asEtcdError(error, 'Auth/Authenticate'),
      })
      go()
    })
  }
}
