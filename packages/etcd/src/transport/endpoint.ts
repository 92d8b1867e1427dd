import { keepRunning, monotonicNow } from '../clock.ts'
import { CHANNELS, type EndpointMessage, type EndpointState } from '../diagnostics.ts'
import { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { AddressOrder } from './address-order.ts'
import { type BackoffOptions, backoffMs } from './backoff.ts'
import { Connection } from './connection.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { askMember, isAuthRefusal } from './ask-member.ts'
import { diagnosePeer } from './diagnose.ts'
import { FewCallsWarning } from './few-calls-warning.ts'
import { errorOfNetwork } from './network-errors.ts'
import { PATIENCE_MS } from './patience.ts'
import { PingPolicy } from './ping-policy.ts'
import type { Readiness } from './readiness.ts'

/** Settings of all endpoints of a client. */
export interface EndpointSettings extends Omit<ConnectionSettings, 'pings' | 'addresses'> {
  /** Interval of HTTP/2 pings while calls are open, in milliseconds. 0 disables them. */
  readonly pingIntervalMs: number
  /** Names the client in diagnostics. */
  readonly clientName: string
  readonly backoff: BackoffOptions
  readonly logger: Logger
}

/**
 * Maximum pause, in milliseconds, after a failure if a call has no other endpoint: a server that is back is
 * found soon, and one that is down is tried at this pace regardless of the number of callers.
 */
const RETRY_PACE_MS = 100

/** A failure says nothing any more of an endpoint that was not tried for this long, in milliseconds. */
const FORGOTTEN_MS = 180_000

/** An endpoint that has failed for this long, in milliseconds, and still does, has left its cluster. */
const GONE_MS = 10_000

/** One member's client URL, its connection and its recent health. */
export class Endpoint {
  readonly url: string
  readonly #settings: EndpointSettings & ConnectionSettings
  readonly #closing = new AbortController()
  #connection: Connection | undefined
  /** Replaced connections that still have open calls. */
  readonly #retired = new Set<Connection>()
  #connecting: Promise<void> | undefined
  #connectingSince = 0
  #diagnosis: Promise<EtcdError | undefined> | undefined
  #failures = 0
  #restsUntil = 0
  /** Monotonic times of the first and the last failure since it last answered. */
  #failingSince = 0
  #failedAt = 0
  /** The last call failed through its fault, so other endpoints are preferred until it answers. */
  #isDoubtful = false
  #isProbing = false
  /** Ends the wait for the end of the pause. */
  #endRest: (() => void) | undefined
  readonly #fewCalls: FewCallsWarning
  /** It left the rotation or its client is closed, so it never connects again. */
  #isOver = false
  #state: EndpointState = 'idle'
  /** The cluster of its last answer; `undefined` before the first one. */
  clusterId: bigint | undefined
  /** Why the last attempt to connect failed; `undefined` once it is connected. */
  lastFailure: EtcdError | undefined
  /** Until when it is not used because it belongs to another cluster, in monotonic time. */
  foreignUntil = 0

  constructor(url: string, settings: EndpointSettings) {
    this.url = url
    const pings = new PingPolicy(settings.pingIntervalMs, settings.logger)
    this.#settings = { ...settings, pings, addresses: new AddressOrder() }
    this.#fewCalls = new FewCallsWarning(url, settings.logger)
  }

  /** The connection for a new call. */
  get connection(): Connection {
    const before = this.#connection
    if (before?.isUsable || (before !== undefined && this.#isOver)) return before
    const next = new Connection(this.url, this.#settings)
    if (before !== undefined) {
      next.peer.isProven = before.peer.isProven
      this.#retired.add(before)
      for (const each of this.#retired) if (each.isClosed) this.#retired.delete(each)
    }
    this.#connection = next
    if (this.#isOver) void next.destroy()
    return next
  }

  /** True if a call would be sent at once. */
  get isReady(): boolean {
    return this.#connection?.isReady ?? false
  }

  /** True if a call would be sent at once and get a stream. */
  get hasRoom(): boolean {
    const connection = this.#connection
    return connection?.isReady === true && !connection.isFull
  }

  /** What was last learnt of it; `idle` if that is a failure, and nothing was tried for a while. */
  get state(): EndpointState {
    const sinceMs = monotonicNow(this.#settings.clock) - this.#failedAt
    return this.#state === 'away' && sinceMs > FORGOTTEN_MS ? 'idle' : this.#state
  }

  /** True if no call and no attempt to connect is in progress. */
  get isIdle(): boolean {
    return this.#connecting === undefined && (this.#connection?.openCalls ?? 0) === 0
  }

  /** True if it has failed since it last answered. */
  get hasFailed(): boolean {
    return this.#failures > 0
  }

  /** Until when other endpoints are preferred, in monotonic time. */
  get restsUntil(): number {
    return this.#restsUntil
  }

  /** True if it has failed for long, until now, without an answer in between. */
  isGone(now: number): boolean {
    return this.#failures > 0 && this.#isFresh(now) && this.#failedAt - this.#failingSince >= GONE_MS
  }

  /** True if the last failure is recent. */
  #isFresh(now: number): boolean {
    return now - this.#failedAt <= GONE_MS + this.#settings.backoff.maxMs
  }

  readiness(now: number): Readiness {
    if (now < this.#restsUntil) return 3
    const connection = this.#connection
    if (connection?.isReady && this.#isDoubtful) return 2
    if (connection?.isReady) return connection.peer.isStuck(now) || connection.isFull ? 1 : 0
    if (this.#connecting !== undefined) return now - this.#connectingSince > PATIENCE_MS ? 2 : 0
    return this.#failures > 0 ? 2 : 0
  }

  /**
   * Connects. All waiting callers share one attempt, at the pace set by `RETRY_PACE_MS`. Rejects with an
   * EtcdError if that fails; nothing was sent then.
   */
  connect(): Promise<void> {
    this.#connecting ??= this.#connect()
    return this.#connecting
  }

  /** Checks in the background whether it can be reached and answers again. */
  probe(): void {
    if (this.#connecting !== undefined || this.#isProbing) return
    this.#isProbing = true
    void this.#probe().finally(() => {
      this.#isProbing = false
    })
  }

  succeeded(): void {
    this.#enter('connected')
    this.#failures = 0
    this.#restsUntil = 0
    this.#isDoubtful = false
  }

  /** Records a failure and pauses, longer each time. Failures during the pause do not extend it. */
  failed(): void {
    this.#enter('away')
    const now = monotonicNow(this.#settings.clock)
    // It may have been healthy between two failures that are far apart.
    if (this.#failures === 0 || !this.#isFresh(now)) this.#failingSince = now
    this.#failedAt = now
    if (now < this.#restsUntil) return
    this.#restsUntil = now + backoffMs(this.#settings.backoff, this.#failures)
    this.#failures += 1
  }

  /**
   * Records a call that failed through its fault: even if connected, it is unreliable until it has answered.
   */
  doubt(): void {
    this.failed()
    this.#isDoubtful = true
  }

  /**
   * A call over this connection got no answer, and neither did a ping, so the next call gets a new connection.
   */
  suspect(connection: Connection): void {
    this.doubt()
    connection.suspect()
  }

  /** The connection, if it is ready and nothing was answered over it since then, in monotonic time. */
  quietConnection(since: number): Connection | undefined {
    const connection = this.#connection
    return connection?.isReady && connection.peer.isQuiet(since) ? connection : undefined
  }

  /**
   * Finds out what kind of server closed a connection before sending anything; concurrent callers share one
   * attempt.
   */
  diagnose(error: EtcdError): Promise<EtcdError | undefined> {
    const ask = async () => diagnosePeer(this.url, error.cause, this.#closing.signal)
    this.#diagnosis ??= ask()
      .catch(() => undefined)
      .finally(() => {
        this.#diagnosis = undefined
      })
    return this.#diagnosis
  }

  /**
   * It left the rotation: calls in progress finish, then the connection closes. Waiting calls fail unsent.
   */
  retire(): void {
    this.#isOver = true
    this.#endRest?.()
    this.#connection?.retire()
  }

  /** True if there is no open call, no socket and no attempt to connect. */
  get isClosed(): boolean {
    return this.#connecting === undefined && this.#connections.every((each) => each.isClosed)
  }

  /** Ends all calls with this error and resolves when every socket is closed. */
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
      this.#enter('connected')
      this.#fewCalls.check(connection.maxCalls)
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
      // A waiting stream has no deadline of its own that would keep the process running.
      const timer = keepRunning(clock.setTimeout(resolve, Math.ceil(restMs)))
      this.#endRest = resolve
      await promise
      clock.clearTimeout(timer)
      this.#endRest = undefined
    }
    if (this.#closing.signal.aborted) throw new EtcdError('closed', { endpoint: this.url })
    const what = 'the endpoint is no longer in use'
    if (this.#isOver) throw new EtcdError('connect_failed', { endpoint: this.url, what, fate: 'not_sent' })
  }

  async #probe(): Promise<void> {
    try {
      await this.connect()
      if (this.#isDoubtful) await askMember(this.connection, this.#settings.clock)
    } catch (error) {
      // Every etcd answers this call, or asks who the caller is; a server that refuses it may be something else.
      if (!isAuthRefusal(error)) {
        if (this.isReady) this.failed()
        return
      }
    }
    this.#isDoubtful = false
  }

  #enter(state: EndpointMessage['state']): void {
    if (this.#state === state) return
    this.#state = state
    const { url: endpoint } = this
    const { clientName: client } = this.#settings
    if (CHANNELS.endpoint.hasSubscribers) CHANNELS.endpoint.publish({ client, endpoint, state })
  }
}
