import type { Clock } from '../clock.ts'
import { outside } from '../outside.ts'
import type { PingBudget } from './ping-policy.ts'
import { patienceMs } from './patience.ts'

/** A connection whose peer may have died without a word. */
export interface Questioned {
  /** The current monotonic time. */
  readonly now: number
  /** When the newest data was sent that the peer has certainly received, in monotonic time. */
  readonly provenAt: number
  /** How long the peer took to answer the last ping, in milliseconds. */
  readonly roundTripMs: number
  readonly openCalls: number
  /** Number of bytes received. */
  readonly bytesRead: number
  /** Sends a ping and tells it to `Liveness.pinged`; returns false if there is no session to send it over. */
  ping(): boolean
}

/** After this time, in milliseconds, without an answer to anything sent before, the peer is pinged. */
const ASK_MS = 100

/** A call was given up over a connection. */
interface Doubt {
  /** When, in monotonic time. */
  readonly at: number
  /** Nothing shows that the peer has received anything since. */
  onSilent(): void
}

/**
 * Tells a dead peer from a slow one: a call that gets no answer says nothing about its connection if a ping is answered.
 * The ping is sent while the call waits, so that the connection can be left once the call is given up.
 */
export class Liveness {
  readonly #peer: Questioned
  readonly #clock: Clock
  readonly #budget: PingBudget
  readonly #onSilent: () => void
  /** Ends the wait for an answer, be it to a call or to the ping. */
  #timer: unknown
  /** When the newest data was sent that the peer is to answer, and the data whose answer is awaited. */
  #newest = Number.NEGATIVE_INFINITY
  #since = Number.NEGATIVE_INFINITY
  /** When the ping was sent whose answer is awaited. */
  #askedAt = Number.NEGATIVE_INFINITY
  /** The number of bytes received until then. */
  #bytesAsked = 0
  /** When the ping was sent that was not answered within the patience. */
  #silentAt = Number.NEGATIVE_INFINITY
  #doubt: Doubt | undefined
  #isStopped = false

  /** Calls `onSilent` each time a ping is not answered within the patience. */
  constructor(peer: Questioned, clock: Clock, budget: PingBudget, onSilent: () => void) {
    this.#peer = peer
    this.#clock = clock
    this.#budget = budget
    this.#onSilent = onSilent
  }

  /** True if a ping was not answered within the patience, and nothing that was sent later either. */
  get isSilent(): boolean {
    return this.#peer.provenAt < this.#silentAt
  }

  /** True if data has arrived since the last ping was sent, which its answer may be waiting behind. */
  get isReceiving(): boolean {
    return this.#peer.bytesRead > this.#bytesAsked
  }

  /** Data was sent at this moment of monotonic time that the peer is to answer. */
  sent(at: number): void {
    this.#newest = at
    if (this.#timer !== undefined || this.#isStopped) return
    this.#since = at
    this.#wait(this.#askMs, () => this.#look())
  }

  /** A ping was sent at this moment of monotonic time. */
  pinged(at: number): void {
    if (this.#isAsked) return
    this.#askedAt = at
    this.#bytesAsked = this.#peer.bytesRead
    this.#awaitPong(at)
  }

  /** Pings the peer unless it owes an answer to a ping, as soon as the server accepts one. */
  ask(): void {
    if (this.#isAsked || this.#isStopped) return
    const waitMs = this.#budget.waitMs(this.#peer.now, this.#peer.openCalls > 0)
    if (waitMs === 0) this.#peer.ping()
    else if (waitMs !== Number.POSITIVE_INFINITY) this.#wait(waitMs, () => this.#look())
  }

  /**
   * A call over the connection was given up. Calls `onSilent` once it is certain that the peer leaves a ping unanswered,
   * too; at once if that is certain already.
   */
  doubt(onSilent: () => void): void {
    const at = this.#peer.now
    if (this.isSilent) {
      onSilent()
      return
    }
    this.#doubt = { at, onSilent }
    this.ask()
  }

  stop(): void {
    this.#isStopped = true
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  get #isAsked(): boolean {
    return this.#peer.provenAt < this.#askedAt
  }

  get #askMs(): number {
    return Math.max(ASK_MS, 2 * this.#peer.roundTripMs)
  }

  /** While the process is busy, nothing is received: only a time that passes as planned counts. */
  #awaitPong(since: number): void {
    const ms = patienceMs(this.#peer)
    this.#wait(ms, () => {
      const { now } = this.#peer
      if (now - since > 1.5 * ms) this.#awaitPong(now)
      else setImmediate(() => this.#judge())
    })
  }

  #wait(ms: number, onOver: () => void): void {
    this.#clock.clearTimeout(this.#timer)
    const onTimer = (): void => {
      this.#timer = undefined
      onOver()
    }
    this.#timer = outside(() => this.#clock.setTimeout(onTimer, ms))
  }

  /** Pings the peer once something has waited for long. */
  #look(): void {
    const { openCalls, provenAt, now } = this.#peer
    const isAwaited = openCalls > 0 && provenAt < this.#newest
    if (!isAwaited || this.#isStopped) return
    // What waits was sent after `provenAt`; when exactly is not known.
    if (provenAt >= this.#since) this.#since = this.#newest
    const leftMs = this.#since + this.#askMs - now
    if (leftMs > 0) this.#wait(leftMs, () => this.#look())
    else this.ask()
  }

  #judge(): void {
    if (this.#isStopped) return
    if (!this.#isAsked) {
      this.#look()
      return
    }
    this.#silentAt = this.#askedAt
    this.#onSilent()
    const doubt = this.#doubt
    this.#doubt = undefined
    if (doubt !== undefined && this.#peer.provenAt < doubt.at) doubt.onSilent()
  }
}
