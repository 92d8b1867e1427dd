import type { Client } from 'undici'
import { EtcdError } from '../errors.ts'
import { inPieces } from './body-pieces.ts'
import type { CallHandler } from './call-handler.ts'
import { CallRoom } from './call-room.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import * as errors from './connection-errors.ts'
import { connector } from './connector.ts'
import { http2Client, knock, MAX_CONCURRENT_CALLS } from './http2-client.ts'
import { errorOfNetwork, isOverloaded } from './network-errors.ts'
import { outside } from '../outside.ts'
import { OpenSockets } from './open-sockets.ts'
import { Opening } from './opening.ts'
import { PeerWatch } from './peer-watch.ts'
import { type GuardedSession, guardSession, type Sending } from './undici/session-guard.ts'

/** A peer that resets calls because it has too much to do does not get one connection after the other, in milliseconds. */
const SHORTEST_LIFE_MS = 1_000

/** A duplex body is an async iterable, which undici's types do not include. */
type Body = Buffer | AsyncIterable<Uint8Array>

/**
 * One connection to an endpoint: opened by `open()`, closed when idle, and never reopened. No part of a call is sent before the
 * peer has sent its HTTP/2 settings. A connection that fails before that is destroyed, and nothing that waited for it was sent.
 */
export class Connection {
  readonly url: string
  /** What is known of the life of the peer. */
  readonly peer: PeerWatch
  /** Maximum number of concurrent calls that the peer accepts; known once the connection is ready. */
  maxCalls = MAX_CONCURRENT_CALLS
  readonly #client: Client
  readonly #settings: ConnectionSettings
  readonly #room: CallRoom
  readonly #calls = new Set<CallHandler>()
  /** Counts the successive sessions of this connection. */
  session = 0
  #guarded: GuardedSession | undefined
  #clusterId: bigint | undefined
  #connectedAt = 0
  #starting: Sending | undefined
  #isRetired = false
  #isReady = false
  readonly #opening: Opening
  #beside: Connection | undefined
  readonly #sockets = new OpenSockets()

  constructor(url: string, settings: ConnectionSettings) {
    const { addresses, clock, pings, tls, onSilent } = settings
    this.url = url
    this.#settings = settings
    this.#opening = new Opening(clock)
    this.#room = new CallRoom(clock)
    this.peer = new PeerWatch({
      clock,
      pings,
      openCalls: () => this.#calls.size,
      bytesRead: () => this.#sockets.bytesRead,
      isRetired: () => this.#isRetired,
      sendPing: (onPong) => this.#guarded?.ping(onPong) ?? false,
      onSilent: () => onSilent?.(),
      onDead: () => this.#giveUp(),
    })
    const connect = connector(url, tls, addresses.lookup)
    this.#client = http2Client(url, pings.intervalMs, (options, callback) => {
      this.#limitConnecting()
      const socket = connect(options, callback)
      if (socket !== undefined) this.#sockets.add(socket)
    })
    this.#client.on('connect', () => this.#onConnect())
    this.#client.on('disconnect', (_url, _targets, error) => this.#onDisconnect(error))
    this.#client.on('connectionError', (_url, _targets, error) => this.#giveUpOpening(error))
  }

  /** Number of calls sent or waiting to be sent. */
  get openCalls(): number {
    return this.#calls.size
  }

  /** False once it is retired or destroyed: new calls need a new connection. */
  get isUsable(): boolean {
    return !this.#isRetired && !this.#client.destroyed
  }

  /** True if the peer has sent its HTTP/2 settings, so that calls are sent at once. */
  get isReady(): boolean {
    return this.#isReady && !this.#isRetired
  }

  /** True if there is no open call and no socket. */
  get isClosed(): boolean {
    return this.#calls.size === 0 && this.#sockets.isEmpty
  }

  /** See `CallRoom`. */
  obstacleOf(handler: CallHandler): ReturnType<CallRoom['obstacleOf']> {
    return this.#room.obstacleOf(handler)
  }

  /** True if the peer accepts no more calls; another one waits until one of them ends. */
  get isFull(): boolean {
    return this.#calls.size + this.#room.resting >= this.maxCalls
  }

  /** Connects without a call. Rejects with an EtcdError if that fails; the connection is then destroyed. */
  open(): Promise<void> {
    if (this.#isReady) return Promise.resolve()
    if (this.#client.destroyed) return Promise.reject(this.#givenUp())
    // The connection and its timers outlive the caller that needs it first.
    return this.#opening.wait(() => outside(() => knock(this.#client, (error) => this.#giveUpOpening(error))))
  }

  /** Another connection to the same peer, for questions when this one is full; destroyed with this one at the latest. */
  beside(): Connection {
    this.#beside = new Connection(this.url, this.#settings)
    return this.#beside
  }

  /**
   * Starts a call on a connection that is ready; otherwise the call fails unsent. The handler's `onResponseEnd` or
   * `onResponseError` is called exactly once, and then calls `release`; neither is called for a withdrawn call.
   */
  start(path: string, headers: string[], body: Body, handler: CallHandler): void {
    this.#calls.add(handler)
    if (!this.#client.destroyed) this.peer.started()
    const request = {
      path,
      method: 'POST',
      headers,
      body: inPieces(body) as Buffer,
      // For idempotent requests undici does not wait for an answer before it sends the next one.
      idempotent: true,
      // Unary calls have a deadline of their own, and streams may be silent for any time.
      headersTimeout: 0,
      bodyTimeout: 0,
    } as const
    this.#room.request(handler, Buffer.isBuffer(body) ? body.length : 0, {
      send: () => this.#client.dispatch(request, handler),
      fail: (error) => handler.onResponseError?.(null as never, error),
    })
    if (!this.#isReady) queueMicrotask(() => this.#failWaiting())
  }

  /** Withdraws a call that has no stream yet: its handler is not called any more. */
  withdraw(handler: CallHandler): void {
    if (this.#room.withdraw(handler)) this.release(handler)
  }

  /** The call was sent and is given up after `waitedMs` milliseconds: its room stays empty for a while. */
  givesUp(handler: CallHandler, waitedMs: number): void {
    this.#room.rest(handler, waitedMs)
  }

  /** Announces the call whose request gets the next stream. Called by the handler when undici starts the request. */
  starts(call: Sending): void {
    this.#starting = call
  }

  /** The handler's call has ended; with the error of the network that ended it. */
  release(handler: CallHandler, error?: Error): void {
    this.#calls.delete(handler)
    if (this.#calls.size === 0) this.peer.becameIdle()
    this.#room.settle(handler)
    const isCalmed = error !== undefined && isOverloaded(error)
    if (isCalmed && this.peer.now - this.#connectedAt > SHORTEST_LIFE_MS) this.retire(errors.OVERFULL)
    if (this.#isRetired && this.#calls.size === 0) void this.destroy()
  }

  /** Leaves it, and has the next connection tried at another address first. */
  suspect(): void {
    this.#addressFailed()
    this.leave()
  }

  /** Retires it, since the peer answers nothing any more; reads go elsewhere, unless data arrives: over a full link. */
  leave(): void {
    this.retire()
    if (this.peer.isReceiving) return
    for (const each of [...this.#calls]) each.onSilent?.()
  }

  /** Accepts no new calls and closes after the last one. Calls that wait for it are not sent, and get the next connection. */
  retire(why = 'the connection is replaced before the call is sent'): void {
    if (this.#isRetired) return
    this.#isRetired = true
    this.#room.fail(new EtcdError('connection_lost', { endpoint: this.url, what: why, fate: 'not_sent' }))
    if (this.#calls.size === 0) void this.destroy()
  }

  /** Ends all calls with this error and resolves when every socket is closed. */
  async destroy(error?: EtcdError): Promise<void> {
    this.#isReady = false
    this.peer.stop()
    this.#room.stop()
    this.#opening.fail(error ?? this.#givenUp())
    const destroyed = this.#client.destroy(error ?? null)
    const closed = this.#sockets.destroy()
    this.#failWaiting(error)
    await Promise.all([destroyed, closed, this.#beside?.destroy(error)])
  }

  /** The cluster that answered over this session, if known. */
  clusterOf(session: number): bigint | undefined {
    return session === this.session ? this.#clusterId : undefined
  }

  /** Records the cluster that answered over this session. */
  provedBy(session: number, clusterId: bigint | undefined): void {
    if (session === this.session) this.#clusterId = clusterId
  }

  #givenUp(what = 'the connection was closed before it was established'): EtcdError {
    return new EtcdError('connect_failed', { endpoint: this.url, what, fate: 'not_sent' })
  }

  #failWaiting(cause?: EtcdError): void {
    if (this.#isReady) return
    this.#room.fail(cause ?? this.#givenUp('the connection was lost before the call was sent'))
  }

  #limitConnecting(): void {
    const { connectTimeoutMs } = this.#settings
    this.#opening.limit(connectTimeoutMs, () => {
      this.#giveUpOpening(errors.tooSlow(this.url, connectTimeoutMs))
    })
  }

  #onConnect(): void {
    this.session += 1
    this.#clusterId = undefined
    this.#connectedAt = this.peer.now
    const { session } = this
    this.#guarded = guardSession(this.#client, {
      onSettings: (maxCalls) => {
        if (session === this.session) this.#onSettings(maxCalls)
      },
      onOpened: () => {
        const call = this.#starting
        this.#starting = undefined
        if (call !== undefined) this.#room.opened(call)
        return call
      },
      onClosed: (call, isAllSent) => {
        this.#room.closed(call, isAllSent)
        if (this.#room.isWornOut) this.retire(errors.OVERFULL)
      },
      onPing: () => this.peer.pingDue(),
      onTooManyPings: () => this.peer.tooManyPings(this.url),
    })
    if (this.#guarded !== undefined) return
    this.#giveUpOpening(errors.unknownUndici(this.url))
  }

  #onSettings(maxCalls: number | undefined): void {
    this.#opening.settled()
    if (maxCalls === 0 && !this.#isReady) {
      this.#giveUpOpening(errors.noCalls(this.url))
      return
    }
    this.maxCalls = Math.min(maxCalls ?? MAX_CONCURRENT_CALLS, MAX_CONCURRENT_CALLS)
    if (!this.#isRetired) this.#room.limit = this.maxCalls
    this.#isReady = true
    this.peer.introduced(this.#connectedAt)
    this.#opening.succeed()
  }

  #onDisconnect(error: Error): void {
    if (!this.#isReady) this.#giveUpOpening(error)
    else this.#addressFailed()
    this.#isReady = false
    this.session += 1
    this.#failWaiting()
    // undici considers calls of the old session lost as soon as a new one fails, so each session has its own
    // client.
    this.retire()
    // undici would send pending requests over a new session. Calls that a GOAWAY permits to finish continue.
    if (this.#client.stats.running === 0)
      void this.destroy(errorOfNetwork(error, true, { endpoint: this.url }))
  }

  #addressFailed(): void {
    this.#settings.addresses.failed(this.#sockets.address)
  }

  #giveUpOpening(cause: Error): void {
    if (this.#isReady || this.#client.destroyed) return
    this.#addressFailed()
    void this.destroy(errorOfNetwork(cause, false, { endpoint: this.url }))
  }

  #giveUp(): void {
    this.#addressFailed()
    void this.destroy(errors.noPongs(this.url, this.#settings.pings.intervalMs))
  }
}
