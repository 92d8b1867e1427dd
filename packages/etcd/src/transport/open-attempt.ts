import { monotonicNow } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import { AnswerPace } from './answer-pace.ts'
import type { CallContext } from './call-context.ts'
import { cancelledError, lateError } from './call-errors.ts'
import { callName } from './call-name.ts'
import { CallToken } from './call-token.ts'
import type { Endpoint } from './endpoint.ts'
import { PATIENCE_MS, patienceMs } from './patience.ts'
import { waitForRoom } from './room-wait.ts'
import { type AttemptOwner, UnaryAttempt } from './unary-attempt.ts'
import type { UnaryRequest } from './unary-request.ts'

/** What the attempt in progress leads to. `owner` receives its answer or failure. */
export interface OpenAttemptPorts<Res> {
  readonly owner: AttemptOwner<Res>
  /** A read has waited for this long, in milliseconds, and another endpoint may be quicker. */
  onSlow(attempt: UnaryAttempt<Res>, ms: number): void
  /** True if an endpoint is left that has not failed the call in this round, besides this one. */
  hasOther(endpoint: Endpoint): boolean
  /** The only endpoint of the call had no room for it within this time, in milliseconds. */
  onNoRoom(ms: number): void
  /** The member leaves the token of the call unanswered, and a new one was fetched. */
  onSilentToken(error: EtcdError, attempt: UnaryAttempt<Res>): void
}

/** What a call is at. */
type CallProgress<Res> =
  /** Between two attempts, with the endpoint of the last one, or before the first. */
  | { readonly type: 'idle'; readonly endpoint: Endpoint | undefined }
  | { readonly type: 'connecting'; readonly endpoint: Endpoint }
  | { readonly type: 'attempting'; readonly endpoint: Endpoint; readonly attempt: UnaryAttempt<Res> }

/** How long the answer of a patient call may take, in milliseconds. */
const PATIENT_MS = 600_000

/** The attempt in progress of one call, what it waits for, and how it is given up. */
export class OpenAttempt<Res> {
  readonly #context: CallContext
  readonly #request: UnaryRequest<Res>
  readonly #ports: OpenAttemptPorts<Res>
  readonly #token: CallToken
  #progress: CallProgress<Res> = { type: 'idle', endpoint: undefined }
  /** Time limit of the call, in milliseconds. */
  readonly timeoutMs: number
  /** When the call started, in monotonic time. */
  readonly #startedAt: number
  /** The pace of the answer, looked at whenever the time limit of a patient call is reached. */
  #pace: AnswerPace | undefined
  /** Ends the wait for a token, for room, or for a slow attempt. */
  #timer: unknown

  constructor(context: CallContext, request: UnaryRequest<Res>, ports: OpenAttemptPorts<Res>) {
    this.#context = context
    this.#request = request
    this.#ports = ports
    this.timeoutMs = request.options.timeoutMs ?? context.callTimeoutMs
    this.#token = new CallToken(context)
    this.#startedAt = monotonicNow(context.clock)
  }

  get current(): UnaryAttempt<Res> | undefined {
    return this.#progress.type === 'attempting' ? this.#progress.attempt : undefined
  }

  /** The endpoint of the attempt, of the one before, or of the connection that the call waits for. */
  get endpoint(): Endpoint | undefined {
    return this.#progress.endpoint
  }

  /** How far the call has come, for its errors. */
  get state(): Parameters<typeof cancelledError>[0] {
    const isSent = this.current?.isSent ?? false
    return { call: callName(this.#request.path), endpoint: this.endpoint?.url, isSent }
  }

  /** The error for a call, or an attempt, whose time is over. */
  late(code: 'deadline_exceeded' | 'unavailable', ms: number, lastError: EtcdError | undefined): EtcdError {
    return lateError(code, this.state, ms, this.current, lastError)
  }

  /** The call waits for a connection to this endpoint. */
  connects(endpoint: Endpoint): void {
    this.#progress = { type: 'connecting', endpoint }
  }

  /** Sends the request to this endpoint, which is connected, as soon as there is room for it. */
  begin(endpoint: Endpoint): void {
    const { tokens, headers, maxResponseBytes, balancer } = this.#context
    const { path, type, body, options } = this.#request
    const token = options.isAnonymous ? undefined : tokens.token
    const { owner } = this.#ports
    const attempt = new UnaryAttempt(owner, type, path, endpoint.connection, token, maxResponseBytes)
    this.#progress = { type: 'attempting', endpoint, attempt }
    this.#token.expect(
      attempt.connection,
      token,
      (error) => this.#ports.onSilentToken(error, attempt),
      this.timeoutMs,
    )
    attempt.connection.start(path, headers(token, options.requireLeader ?? false), body, attempt)
    if (this.current !== attempt) return
    if (balancer.size < 2 || options.endpoint !== undefined) this.#limitWaiting(attempt)
    else this.#moveToRoom(endpoint, attempt)
  }

  /** The attempt has ended. */
  end(): void {
    this.#progress = { type: 'idle', endpoint: this.endpoint }
  }

  /** Receives the timer of what the call waits for. */
  onTimer(timer: unknown): void {
    this.#timer = timer
  }

  /** Nothing is waited for any more. */
  clearTimer(): void {
    this.#context.clock.clearTimeout(this.#timer)
  }

  /** Gives up the attempt with this error after `afterMs` milliseconds. */
  giveUp(error: EtcdError, afterMs: number): void {
    const progress = this.#progress
    this.end()
    this.clearTimer()
    if (progress.type !== 'attempting') return
    const { endpoint, attempt } = progress
    const { connection } = attempt
    // It may answer pings and serve no calls, such as a member without a leader: others are preferred for a while.
    if (attempt.isSent && attempt.waitedMs >= patienceMs(connection.peer)) endpoint.doubt()
    // Before the call is abandoned: servers do not like to be pinged without an open call.
    if (attempt.isSent && attempt.isSilent)
      connection.peer.doubt(() => {
        endpoint.suspect(connection)
        this.#context.balancer.leaveQuiet(afterMs)
      })
    attempt.abandon(error)
  }

  /** The call was given up: if the token of the attempt is at fault, later calls get a new one. */
  doubtToken({ connection, isSent, token }: UnaryAttempt<Res>): void {
    if (isSent) this.#token.doubt(connection, token)
  }

  /** The call has settled. */
  settle(): void {
    this.end()
    this.#token.settle()
    if (this.#timer !== undefined) this.clearTimer()
  }

  #limitWaiting(attempt: UnaryAttempt<Res>): void {
    const { roomMs } = this.#request.options
    if (roomMs === undefined || attempt.isSent) return
    const onLate = (): void => {
      if (!attempt.isSent) this.#ports.onNoRoom(roomMs)
    }
    this.#timer = this.#context.clock.setTimeout(onLate, roomMs)
  }

  /** While nothing is sent, the call may move to another endpoint; a read may do so later, too. */
  #moveToRoom(endpoint: Endpoint, attempt: UnaryAttempt<Res>): void {
    const { balancer, clock } = this.#context
    const isRead = this.#request.options.retry === 'read'
    waitForRoom(attempt, {
      clock,
      // Includes endpoints that have failed this call before.
      pick: () => balancer.pick({ tried: new Set([endpoint]), isRead }),
      onTimer: (timer) => this.onTimer(timer),
      onSent: () => {
        if (isRead) this.#limitSlowness(endpoint, attempt, new AnswerPace())
      },
      onRoom: (other) => {
        attempt.abandon(cancelledError(this.state, undefined))
        this.begin(other)
      },
    })
  }

  /** An answer that is arriving is waited for while it will be whole in time: another endpoint would begin again. */
  #limitSlowness(endpoint: Endpoint, attempt: UnaryAttempt<Res>, pace: AnswerPace): void {
    const { clock } = this.#context
    const ms = this.#attemptMs(endpoint)
    const onTimer = (): void => {
      if (pace.isInTime(attempt.partialAnswer, monotonicNow(clock), this.#leftMs))
        this.#limitSlowness(endpoint, attempt, pace)
      else this.#ports.onSlow(attempt, Math.round(attempt.waitedMs))
    }
    this.#timer = clock.setTimeout(onTimer, ms)
  }

  /** How long an attempt may take: as long as others are left, at most half of the time that is left. */
  #attemptMs(endpoint: Endpoint): number {
    const { attemptTimeoutMs } = this.#context
    if (!this.#ports.hasOther(endpoint)) return attemptTimeoutMs
    return Math.min(attemptTimeoutMs, Math.max(this.#leftMs / 2, PATIENCE_MS))
  }

  /** Whether the answer of a patient call is arriving, fast enough to be waited for longer; to be asked at intervals. */
  keepsArriving(): boolean {
    if (this.#request.options.isPatient !== true) return false
    this.#pace ??= new AnswerPace()
    return this.#pace.isInTime(this.current?.partialAnswer, monotonicNow(this.#context.clock), this.#leftMs)
  }

  /** For how long the call has been going on, in whole milliseconds. */
  get elapsedMs(): number {
    return Math.round(monotonicNow(this.#context.clock) - this.#startedAt)
  }

  /** The time that the call has left, in milliseconds. */
  get #leftMs(): number {
    const { isPatient } = this.#request.options
    return (isPatient === true ? PATIENT_MS : this.timeoutMs) - this.elapsedMs
  }
}
