import { type Clock, monotonicNow } from '../clock.ts'
import { Liveness } from './liveness.ts'
import { PingBudget, type PingPolicy } from './ping-policy.ts'
import { SilenceWatch } from './silence-watch.ts'

/** What the watch of a peer needs from its connection, and what it calls. */
export interface PeerPorts {
  readonly clock: Clock
  readonly pings: PingPolicy
  /** Number of calls sent or waiting to be sent. */
  readonly openCalls: () => number
  /** Number of bytes received from the peer, including what TLS and HTTP/2 add. */
  readonly bytesRead: () => number
  readonly isRetired: () => boolean
  /** Sends a ping; returns false if there is no session to send it over. */
  readonly sendPing: (onPong: () => void) => boolean
  /** A ping was not answered for a while. */
  readonly onSilent: () => void
  /** Pings have not been answered for so long that the peer must be dead. */
  readonly onDead: () => void
}

/** After this time, in milliseconds, without any data while calls wait, other connections are preferred. */
const STUCK_MS = 1_000

/**
 * What one connection knows of the life of its peer. Only an answer shows that the peer receives: the data of others may
 * still arrive over a connection that carries no requests any more.
 */
export class PeerWatch {
  /** Number of times data was received from the peer. */
  activityCount = 0
  /** Number of bytes that calls other than watches have received. */
  callBytes = 0
  /** When the newest data was sent that the peer has certainly received, in monotonic time. */
  provenAt = Number.NEGATIVE_INFINITY
  /** How long the peer took to answer the last ping, or to send its settings, in milliseconds. */
  roundTripMs = 0
  /** The peer has proved to be an HTTP/2 server. */
  isProven = false
  readonly #ports: PeerPorts
  readonly #budget: PingBudget
  readonly #liveness: Liveness
  readonly #silence: SilenceWatch
  /** Since when a call has waited without any answer from the peer, in monotonic time; 0 if none waits. */
  #waitingSince = 0
  /** When the peer last answered anything, in monotonic time. */
  #answeredAt = 0
  /** The number of bytes received when the last ping was due. */
  #received = 0
  /** The paths of streams that were given up because they alone got no answer. */
  readonly #deserted = new Set<string>()

  constructor(ports: PeerPorts) {
    this.#ports = ports
    this.#budget = new PingBudget(ports.pings)
    this.#liveness = new Liveness(this, ports.clock, this.#budget, ports.onSilent)
    this.#silence = new SilenceWatch(ports.clock, ports.pings, ports.onDead)
  }

  /** The current monotonic time. */
  get now(): number {
    return monotonicNow(this.#ports.clock)
  }

  /** Number of calls sent or waiting to be sent. */
  get openCalls(): number {
    return this.#ports.openCalls()
  }

  /** Number of bytes received from the peer, including what TLS and HTTP/2 add. */
  get bytesRead(): number {
    return this.#ports.bytesRead()
  }

  /** True if calls have been waiting for a while without any answer from the peer. */
  isStuck(now: number): boolean {
    return this.#waitingSince !== 0 && now - this.#waitingSince > STUCK_MS
  }

  /** True if a ping was not answered within the patience, and nothing that was sent later either. */
  get isSilent(): boolean {
    return this.#liveness.isSilent
  }

  /** True if data has arrived since the last ping was sent. */
  get isReceiving(): boolean {
    return this.#liveness.isReceiving
  }

  /** True if nothing was answered since then, in monotonic time. */
  isQuiet(since: number): boolean {
    return this.#answeredAt < since
  }

  /** A call starts to wait. */
  started(): void {
    if (this.#waitingSince === 0) this.#waitingSince = this.now
    this.#silence.start(this)
  }

  /** The last open call has ended. */
  becameIdle(): void {
    this.#waitingSince = 0
  }

  /** Data was sent at this moment of monotonic time that the peer is to answer. */
  sent(at: number): void {
    this.#liveness.sent(at)
  }

  /** Data of a call was received, which does not show that the peer receives. `bytes`: how many of a call that is no watch. */
  hear(bytes = 0): void {
    this.activityCount += 1
    this.callBytes += bytes
    this.#budget.heard()
  }

  /** The peer answered what was sent then, in monotonic time, so all data sent until then has reached it. */
  answered(sentAt: number): void {
    this.hear()
    this.#waitingSince = 0
    this.#prove(sentAt)
  }

  /** The peer has sent its HTTP/2 settings over a connection that was established then, in monotonic time. */
  introduced(connectedAt: number): void {
    this.isProven = true
    this.roundTripMs = this.now - connectedAt
    this.activityCount += 1
    this.#waitingSince = 0
    this.#prove(connectedAt)
  }

  /**
   * A stream at this path got no answer, although others do. Returns true if it is the second in a row: then a fault of
   * this connection is more likely than a slow server.
   */
  desert(path: string): boolean {
    if (this.#deserted.has(path)) return true
    this.#deserted.add(path)
    return false
  }

  /** A stream at this path was answered. */
  visit(path: string): void {
    if (this.#deserted.size > 0) this.#deserted.delete(path)
  }

  /** A call was given up. Calls `onSilent` once it is certain that the peer answers no ping either, maybe at once. */
  doubt(onSilent: () => void): void {
    if (!this.#ports.isRetired()) this.#liveness.doubt(onSilent)
  }

  /** Finds out whether the peer still answers: what broke another connection may have broken this one, too. */
  ask(): void {
    this.#liveness.ask()
  }

  /** Sends a ping unless the connection is left anyway. */
  ping(): boolean {
    if (this.#ports.isRetired()) return false
    const { now } = this
    if (!this.#ports.sendPing(this.#onPong(now))) return false
    this.#pinged(now)
    return true
  }

  /** A ping of the interval is due. Returns what is called once it is answered, or undefined to leave it out. */
  pingDue(): (() => void) | undefined {
    const isReceiving = this.bytesRead !== this.#received
    this.#received = this.bytesRead
    // etcd closes a connection that is pinged without an open call, and here the calls may be over for it, with their
    // answers still on the way.
    if (this.#ports.isRetired() && isReceiving) return undefined
    const { now } = this
    if (!this.#budget.isDue(now, this.openCalls > 0)) return undefined
    this.#pinged(now)
    return this.#onPong(now)
  }

  /** The peer closes the connection because of too many pings: the next ones to it get fewer, if this one got any. */
  tooManyPings(url: string): void {
    if (this.#budget.isUsed) this.#ports.pings.tooMany(url)
  }

  stop(): void {
    this.#silence.stop()
    this.#liveness.stop()
  }

  #pinged(now: number): void {
    this.#budget.sent(now, this.openCalls > 0)
    this.#liveness.pinged(now)
  }

  #onPong(sentAt: number): () => void {
    return () => {
      this.roundTripMs = this.now - sentAt
      this.activityCount += 1
      this.#prove(sentAt)
    }
  }

  #prove(sentAt: number): void {
    this.#answeredAt = this.now
    if (sentAt > this.provenAt) this.provenAt = sentAt
  }
}
