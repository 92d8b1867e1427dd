import { keepRunning, monotonicNow } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { type BackoffOptions, backoffMs } from './backoff.ts'
import { Connection, type ConnectionSettings } from './connection.ts'
import { askMember } from './ask-member.ts'
import { diagnosePeer } from './diagnose.ts'
import { errorOfNetwork } from './network-errors.ts'

/** What all endpoints of a client have in common. */
export interface EndpointSettings extends ConnectionSettings {
  readonly backoff: BackoffOptions
  readonly logger: Logger
}

/** A call waits so long for the connection to one endpoint before it looks for another one besides. */
export const PATIENCE_MS = 250

/**
 * A call that has no other endpoint waits at most so long after a failure before this one is tried again: a server that is
 * back is found soon, and one that is down is asked at one pace, however many callers there are.
 */
const RETRY_PACE_MS = 100

/** An endpoint that failed for so long, and still does, has left its cluster. */
const GONE_MS = 10_000

/** A server that takes so few calls at a time is soon full: every watch, and the leases, hold one for as long as they live. */
const FEW_CALLS = 4

/** How likely an endpoint is to serve a call at once; the lower the better. */
export type Readiness =
  /** Connected, or not tried yet. */
  | 0
  /** Connected, but silent while calls wait, or full. */
  | 1
  /** Not connected: it has failed, or takes long. Or the last call that it took failed by its fault. */
  | 2
  /** It failed a moment ago. */
  | 3

/** One member's client URL, its connection, and how it has fared lately. */
export class Endpoint {
  readonly url: string
  readonly #settings: EndpointSettings
  readonly #closing = new AbortController()
  #connection: Connection | undefined
  /** Connections given up that still have calls. */
  readonly #retired = new Set<Connection>()
  #connecting: Promise<void> | undefined
  #connectingSince = 0
  #diagnosis: Promise<EtcdError | undefined> | undefined
  #failures = 0
  #restsUntil = 0
  /** When the first and the last of the failures were since it answered, on the monotonic clock. */
  #failingSince = 0
  #failedAt = 0
  /** The last call it took failed by its fault; until it has answered, other endpoints are preferred. */
  #isDoubtful = false
  #isProbing = false
  /** Ends the wait for the end of its rest. */
  #endRest: (() => void) | undefined
  #isWarned = false
  /** It left the rotation, or its client is closed: nothing connects any more. */
  #isOver = false
  /** Which cluster it answered for last; `undefined` before its first answer. */
  clusterId: bigint | undefined
  /** Why the last attempt to connect failed; `undefined` once it is connected. */
  lastFailure: EtcdError | undefined
  /** Until when an endpoint of another cluster is not asked, on the monotonic clock. */
  foreignUntil = 0

  constructor(url: string, settings: EndpointSettings) {
    this.url = url
    this.#settings = settings
  }

  /** The connection for a new call. */
  get connection(): Connection {
    const before = this.#connection
    if (before?.isUsable || (before !== undefined && this.#isOver)) return before
    const next = new Connection(this.url, this.#settings)
    if (before !== undefined) {
      next.isProven = before.isProven
      this.#retired.add(before)
      for (const each of this.#retired) if (each.isClosed) this.#retired.delete(each)
    }
    this.#connection = next
    if (this.#isOver) void next.destroy()
    return next
  }

  /** A call would go out at once. */
  get isReady(): boolean {
    return this.#connection?.isReady ?? false
  }

  /** A call would go out at once, and get a stream. */
  get hasRoom(): boolean {
    return this.isReady && !this.#connection!.isFull
  }

  /** No call and no attempt to connect is under way. */
  get isIdle(): boolean {
    return this.#connecting === undefined && (this.#connection?.openCalls ?? 0) === 0
  }

  /** The last that was heard of it is a failure. */
  get hasFailed(): boolean {
    return this.#failures > 0
  }

  /** Until when other endpoints are preferred, on the monotonic clock. */
  get restsUntil(): number {
    return this.#restsUntil
  }

  /** It has failed for long, up to now, and not answered in between. */
  isGone(now: number): boolean {
    return this.#failures > 0 && this.#isFresh(now) && this.#failedAt - this.#failingSince >= GONE_MS
  }

  /** The last failure is not long ago. */
  #isFresh(now: number): boolean {
    return now - this.#failedAt <= GONE_MS + this.#settings.backoff.maxMs
  }

  readiness(now: number): Readiness {
    if (now < this.#restsUntil) return 3
    const connection = this.#connection
    if (connection?.isReady && this.#isDoubtful) return 2
    if (connection?.isReady) return connection.isStuck(now) || connection.isFull ? 1 : 0
    if (this.#connecting !== undefined) return now - this.#connectingSince > PATIENCE_MS ? 2 : 0
    return this.#failures > 0 ? 2 : 0
  }

  /**
   * Connects; one attempt at a time, however many wait for it, at the pace that `RETRY_PACE_MS` sets. Rejects with an
   * EtcdError: then nothing was sent.
   */
  connect(): Promise<void> {
    this.#connecting ??= this.#connect()
    return this.#connecting
  }

  /** Finds out whether it can be reached, and answers, again, without a call that would have to wait for it. */
  probe(): void {
    if (this.#connecting !== undefined || this.#isProbing) return
    this.#isProbing = true
    void this.#probe().finally(() => {
      this.#isProbing = false
    })
  }

  succeeded(): void {
    this.#failures = 0
    this.#restsUntil = 0
    this.#isDoubtful = false
  }

  /** It rests, longer from time to time. What fails while it rests tells nothing new. */
  failed(): void {
    const now = monotonicNow(this.#settings.clock)
    // What failed once, and again after a long rest, may have been well in between.
    if (this.#failures === 0 || !this.#isFresh(now)) this.#failingSince = now
    this.#failedAt = now
    if (now < this.#restsUntil) return
    this.#restsUntil = now + backoffMs(this.#settings.backoff, this.#failures)
    this.#failures += 1
  }

  /** A call that it took failed by its fault: a connection that stands proves nothing until it has answered. */
  doubt(): void {
    this.failed()
    this.#isDoubtful = true
  }

  /** Nothing came over this connection for as long as a call may take: the next call gets a new one. */
  suspect(connection: Connection): void {
    this.doubt()
    connection.retire()
  }

  /** What sits there, for a connection that broke before a word was exchanged; asked once for all who want to know. */
  diagnose(error: EtcdError): Promise<EtcdError | undefined> {
    const ask = async () => diagnosePeer(this.url, error.cause, this.#closing.signal)
    this.#diagnosis ??= ask()
      .catch(() => undefined)
      .finally(() => {
        this.#diagnosis = undefined
      })
    return this.#diagnosis
  }

  /** It left the rotation: its calls finish, then its connection closes. What waits for a connection fails, unsent. */
  retire(): void {
    this.#isOver = true
    this.#endRest?.()
    this.#connection?.retire()
  }

  /** No call is open, no socket, and no attempt to connect is under way. */
  get isClosed(): boolean {
    return this.#connecting === undefined && this.#connections.every((each) => each.isClosed)
  }

  /** Ends all calls with this error; resolves when every socket is closed. */
  async close(error: EtcdError): Promise<void> {
    this.#isOver = true
    this.#closing.abort()
    this.#endRest?.()
    const connecting = this.#connecting?.catch(() => undefined)
    await Promise.all([...this.#connections.map((each) => each.destroy(error)), connecting, this.#diagnosis])
  }

  get #connections(): readonly Connection[] {
    return [...this.#retired, ...(this.#connection === undefined ? [] : [this.#connection])]
  }

  async #connect(): Promise<void> {
    try {
      await this.#untilRested()
      this.#connectingSince = monotonicNow(this.#settings.clock)
      const { connection } = this
      await connection.open()
      this.lastFailure = undefined
      this.#warnOfFewCalls(connection.maxCalls)
    } catch (error) {
      this.failed()
      this.lastFailure = errorOfNetwork(error, false, { endpoint: this.url })
      throw this.lastFailure
    } finally {
      this.#connecting = undefined
    }
  }

  async #untilRested(): Promise<void> {
    const { clock } = this.#settings
    const restMs = Math.min(this.#restsUntil, this.#failedAt + RETRY_PACE_MS) - monotonicNow(clock)
    if (restMs > 0 && !this.#isOver) {
      const { promise, resolve } = Promise.withResolvers<void>()
      // A stream that waits has no deadline of its own that would keep the process running.
      const timer = keepRunning(clock.setTimeout(resolve, Math.ceil(restMs)))
      this.#endRest = resolve
      await promise
      clock.clearTimeout(timer)
      this.#endRest = undefined
    }
    if (this.#closing.signal.aborted) throw new EtcdError('closed', { endpoint: this.url })
    const what = 'the endpoint was taken out of those in use'
    if (this.#isOver) throw new EtcdError('connect_failed', { endpoint: this.url, what, fate: 'not_sent' })
  }

  async #probe(): Promise<void> {
    try {
      await this.connect()
      if (this.#isDoubtful) await askMember(this.connection, this.#settings.clock)
    } catch {
      // Every etcd answers this; what refuses it may be something else.
      if (this.isReady) this.failed()
      return
    }
    this.#isDoubtful = false
  }

  #warnOfFewCalls(maxCalls: number): void {
    if (maxCalls > FEW_CALLS || this.#isWarned) return
    this.#isWarned = true
    this.#settings.logger.warn(
      'The server takes few calls at a time over one connection, and every open watch or lease stream is one: raise its limit of concurrent HTTP/2 streams',
      { endpoint: this.url, maxCalls },
    )
  }
}
