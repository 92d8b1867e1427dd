import { callIsolated } from '../call-isolated.ts'
import type { EtcdError } from '../errors.ts'
import { backoffMs } from './backoff.ts'
import { cancelledError, lateError } from './call-errors.ts'
import { limitCall } from './call-limits.ts'
import { callName } from './call-name.ts'
import type { CallContext, OpenCall } from './call-context.ts'
import { CallRounds } from './call-rounds.ts'
import { CallToken } from './call-token.ts'
import type { Endpoint } from './endpoint.ts'
import { fetchToken, type TokenWaiter } from './fetch-token.ts'
import { closedFor, openCalls } from './parting.ts'
import { judgeAnswer, type ProofPorts, proveStatus } from './prove-status.ts'
import { blame, type Decision, decideRetry, finalError, worseFate } from './retry.ts'
import { waitForRoom } from './room-wait.ts'
import { Sendings } from './sendings.ts'
import { isUnknownToken } from './status.ts'
import type { RetryClass } from './transport.ts'
import { type AttemptOwner, UnaryAttempt } from './unary-attempt.ts'
import type { Caller, UnaryOptions, UnaryRequest } from './unary-request.ts'

/**
 * How often the server may refuse the call's token. A new token is fetched after the first refusal. If that one is
 * refused, the member may lag behind the one that issued it, so it is sent again after a pause.
 */
const MAX_TOKEN_REFUSALS = 4

/** One request with its retries: ends at its deadline at the latest and settles exactly once. */
export class UnaryCall<Res> implements AttemptOwner<Res>, OpenCall, TokenWaiter {
  readonly #context: CallContext
  readonly #request: UnaryRequest<Res>
  readonly #options: UnaryOptions
  readonly #retry: RetryClass
  readonly #caller: Caller<Res>
  #attempt: UnaryAttempt<Res> | undefined
  #endpoint: Endpoint | undefined
  /** The cluster whose answer the call accepts; `undefined` if there was none when it started. */
  #expected: bigint | undefined
  #isSettled = false
  #liftLimits: (() => void) | undefined
  /** Ends the wait for a token, for room, or for a slow attempt. */
  #timer: unknown
  #tokenRefusals = 0
  #timeoutMs = 0
  readonly #sendings: Sendings
  readonly #token: CallToken
  readonly #rounds: CallRounds
  #doubts = 0

  constructor(context: CallContext, request: UnaryRequest<Res>, caller: Caller<Res>) {
    this.#context = context
    this.#token = new CallToken(context)
    this.#request = request
    this.#options = request.options
    this.#retry = request.options.retry ?? 'write'
    this.#caller = caller
    this.#rounds = new CallRounds(context, this.#name, request.options, {
      onReady: (endpoint) => {
        if (!this.#isOvertaken()) this.#try(endpoint)
      },
      onRound: () => this.#next(),
      onHopeless: (error) => this.#fail(error),
    })
    this.#sendings = request.options.sendings ?? new Sendings()
  }

  get #name(): string {
    return callName(this.#request.path)
  }

  start(): void {
    const { signal, timeoutMs = this.#context.callTimeoutMs } = this.#options
    const closed = closedFor(this.#context, this.#options)
    if (closed !== undefined || signal?.aborted) {
      this.#caller.reject(
        closed?.with({ call: this.#name, fate: 'not_sent' }) ?? cancelledError(this.#state, signal?.reason),
      )
      return
    }
    openCalls(this.#context, this.#options).add(this)
    // An answer that names no cluster has the id 0.
    this.#timeoutMs = timeoutMs
    this.#expected = this.#options.clusterId || this.#context.balancer.identity.clusterId
    this.#liftLimits = limitCall(this.#context.clock, timeoutMs, signal, {
      onDeadline: () => this.#onDeadline(timeoutMs),
      onAbort: (reason) => this.stop(cancelledError(this.#state, reason)),
    })
    this.#next()
  }

  stop(error: EtcdError): void {
    const attempt = this.#attempt
    const fate = attempt?.isSent ? 'unknown' : 'not_sent'
    this.#fail(error.with({ call: this.#name, fate }))
    attempt?.abandon(error)
  }

  onSent(): void {
    this.#sendings.add()
    const { onSent } = this.#options
    if (onSent === undefined) return
    callIsolated(onSent, (error) => this.#context.logger.warn('onSent threw', { call: this.#name, error }))
  }

  onUnsent(): void {
    this.#sendings.remove()
  }

  onAnswer(answer: Res, attempt: UnaryAttempt<Res>): void {
    const endpoint = this.#endpoint!
    const foreign = judgeAnswer(attempt, endpoint, this.#proof)
    if (foreign !== undefined) {
      this.#onForeign(foreign, attempt)
      return
    }
    endpoint.succeeded()
    this.#settle()
    this.#caller.resolve(answer)
  }

  get #proof(): ProofPorts {
    const { balancer, clock } = this.#context
    const isAlone = balancer.size < 2 || this.#options.endpoint !== undefined
    return { identity: balancer.identity, clock, expected: this.#expected, isAlone }
  }

  onFailure(error: EtcdError, attempt: UnaryAttempt<Res>): void {
    const closed = closedFor(this.#context, this.#options)
    this.#context.clock.clearTimeout(this.#timer)
    if (closed !== undefined) {
      this.#fail(closed.with({ call: this.#name, fate: error.fate }))
      return
    }
    // Whoever refused the token: a new one is needed, and Authenticate's answer is verified by itself.
    const isRefreshing = this.#decide(error) === 'refresh' && this.#tokenRefusals < MAX_TOKEN_REFUSALS
    const proving =
      this.#options.isAnonymous || isRefreshing
        ? undefined
        : proveStatus(error, attempt, this.#endpoint!, this.#proof)
    if (proving === undefined) this.#judge(error, attempt)
    else void proving.then((judged) => this.#onProved(judged.error, judged.isProven, attempt))
  }

  #onProved(error: EtcdError, isProven: boolean, attempt: UnaryAttempt<Res>): void {
    if (this.#attempt !== attempt) return
    if (error.code === 'cluster_changed') this.#onForeign(error, attempt)
    else if (isProven || this.#proof.isAlone) this.#judge(error, attempt)
    else this.#onUnproven(error)
  }

  /**
   * The peer could not be verified to be etcd: other endpoints are preferred from now on, and a read tries
   * them at once.
   */
  #onUnproven(error: EtcdError): void {
    this.#attempt = undefined
    this.#endpoint!.doubt()
    if (this.#retry !== 'read') this.#fail(error)
    else {
      this.#rounds.failed.noteUnproven(this.#endpoint!, error)
      this.#next()
    }
  }

  /** If the cluster the call started under is still the current one, another endpoint may belong to it. */
  #onForeign(error: EtcdError, attempt: UnaryAttempt<Res>): void {
    this.#context.clock.clearTimeout(this.#timer)
    const expected = this.#expected
    const isStill = expected === undefined || this.#context.balancer.identity.clusterId === expected
    if (isStill && this.#options.endpoint === undefined) this.#judge(error, attempt)
    else this.#fail(error)
  }

  /** Tries the next endpoint, or waits until one can be tried. */
  #next(): void {
    if (this.#isSettled || this.#isOvertaken()) return
    const { preparation, tokens } = this.#context
    const needsToken = tokens.isMissing && !this.#options.isAnonymous
    const condition = preparation ?? (needsToken ? fetchToken(this.#context, undefined, this) : undefined)
    if (condition !== undefined) {
      this.#after(condition)
      return
    }
    const endpoint = this.#rounds.pick()
    if (endpoint === undefined) {
      this.#rounds.end()
      return
    }
    this.#rounds.tellRetry()
    if (this.#isSettled) return
    if (endpoint.isReady) this.#try(endpoint)
    else {
      this.#endpoint = endpoint
      this.#rounds.connect(endpoint)
    }
  }

  /** Fails the call if the current cluster is no longer the one it started under. */
  #isOvertaken(): boolean {
    const changed = this.#context.balancer.identity.changeSince(this.#expected, this.#name)
    if (changed !== undefined) this.#fail(changed)
    return changed !== undefined
  }

  isPatient(error: EtcdError): boolean {
    this.#rounds.failed.wait(error.with({ call: this.#name }))
    this.#rounds.tellRetry()
    return !this.#isSettled
  }

  onTimer(timer: unknown): void {
    this.#timer = timer
  }

  /** If the condition fails, the call fails unsent. */
  #after(condition: Promise<void>): void {
    condition.then(
      () => this.#next(),
      (error: EtcdError) => this.#fail(error.with({ call: this.#name, fate: 'not_sent' })),
    )
  }

  #try(endpoint: Endpoint): void {
    const { tokens, headers, maxResponseBytes, balancer, clock, attemptTimeoutMs } = this.#context
    const token = this.#options.isAnonymous ? undefined : tokens.token
    const { path, type, body } = this.#request
    const attempt = new UnaryAttempt(this, type, path, endpoint.connection, token, maxResponseBytes)
    this.#endpoint = endpoint
    this.#attempt = attempt
    this.#expectAcceptance(attempt)
    attempt.connection.start(path, headers(token, this.#options.requireLeader ?? false), body, attempt)
    if (this.#attempt !== attempt) return
    if (balancer.size < 2 || this.#options.endpoint !== undefined) {
      this.#limitWaiting(attempt)
      return
    }
    const onSent = (): void => {
      if (this.#retry !== 'read') return
      this.#timer = clock.setTimeout(() => this.#onSlowAttempt(endpoint, attempt), attemptTimeoutMs)
    }
    waitForRoom(attempt, {
      clock,
      // Includes endpoints that have failed this call before.
      pick: () => balancer.pick({ tried: new Set([endpoint]), isRead: this.#retry === 'read' }),
      onTimer: (timer) => this.onTimer(timer),
      onSent,
      onRoom: (other) => {
        attempt.abandon(cancelledError(this.#state, undefined))
        this.#try(other)
      },
    })
  }

  #expectAcceptance(attempt: UnaryAttempt<Res>): void {
    const { connection, token } = attempt
    this.#token.expect(connection, token, (error) => this.#onSilentToken(attempt, error), this.#timeoutMs)
  }

  /** A read is sent again with the new token. A write may still be executed. */
  #onSilentToken(attempt: UnaryAttempt<Res>, error: EtcdError): void {
    if (this.#attempt !== attempt || this.#retry !== 'read' || this.#tokenRefusals >= MAX_TOKEN_REFUSALS)
      return
    this.#attempt = undefined
    this.#context.clock.clearTimeout(this.#timer)
    attempt.abandon(error)
    this.#tokenRefusals += 1
    this.#rounds.avoid = this.#endpoint?.url
    this.#rounds.failed.wait(error.with(attempt.place))
    this.#next()
  }

  #limitWaiting(attempt: UnaryAttempt<Res>): void {
    const { roomMs } = this.#options
    if (roomMs === undefined || attempt.isSent) return
    const onLate = (): void => {
      if (!attempt.isSent) this.#onDeadline(roomMs)
    }
    this.#timer = this.#context.clock.setTimeout(onLate, roomMs)
  }

  #judge(error: EtcdError, attempt: UnaryAttempt<Res>): void {
    this.#attempt = undefined
    const decision = this.#decide(error)
    blame(this.#endpoint!, error, decision)
    if (decision === 'refresh' && this.#tokenRefusals < MAX_TOKEN_REFUSALS) {
      this.#rounds.failed.count(error)
      this.#onTokenRefused(error, attempt)
    } else if (decision === 'retry' || (decision === 'retry_once' && this.#doubts === 0)) {
      if (decision === 'retry_once') this.#doubts += 1
      this.#rounds.note(this.#endpoint!, error)
      this.#next()
    } else this.#fail(error)
  }

  #onTokenRefused(error: EtcdError, { token }: UnaryAttempt<Res>): void {
    this.#tokenRefusals += 1
    this.#rounds.avoid = this.#endpoint?.url
    if (this.#tokenRefusals > 1 && isUnknownToken(error)) {
      const { clock, backoff } = this.#context
      this.#rounds.failed.wait(error)
      this.#timer = clock.setTimeout(() => this.#next(), backoffMs(backoff, this.#tokenRefusals))
    } else this.#after(fetchToken(this.#context, token, this))
  }

  #decide(error: EtcdError): Decision {
    const hasCredentials = this.#context.tokens.hasCredentials && !this.#options.isAnonymous
    return decideRetry(error, this.#retry, hasCredentials)
  }

  /** Retries a slow read elsewhere while there is time. */
  #onSlowAttempt(endpoint: Endpoint, attempt: UnaryAttempt<Res>): void {
    const { attemptTimeoutMs } = this.#context
    const error = this.#late('unavailable', attemptTimeoutMs)
    this.#drop(endpoint, attempt, error, attemptTimeoutMs)
    this.#judge(error, attempt)
  }

  #onDeadline(timeoutMs: number): void {
    const attempt = this.#attempt
    const error = this.#late('deadline_exceeded', timeoutMs)
    if (attempt !== undefined) {
      this.#drop(this.#endpoint!, attempt, error, timeoutMs)
      if (attempt.isSent) this.#token.doubt(attempt.connection, attempt.token)
    }
    // An earlier failure explains more than the deadline, unless a request is in progress.
    const before = this.#rounds.lastError ?? this.#endpoint?.lastFailure?.with({ call: this.#name })
    this.#fail(error.fate === 'unknown' ? error : (before ?? error))
  }

  #drop(endpoint: Endpoint, attempt: UnaryAttempt<Res>, error: EtcdError, afterMs: number): void {
    this.#attempt = undefined
    this.#context.clock.clearTimeout(this.#timer)
    const { connection } = attempt
    // Before the call is abandoned: servers do not like to be pinged without an open call.
    if (attempt.isSent && attempt.isSilent)
      connection.peer.doubt(() => {
        endpoint.suspect(connection)
        this.#context.balancer.leaveQuiet(afterMs)
      })
    attempt.abandon(error)
  }

  #late(code: 'deadline_exceeded' | 'unavailable', ms: number): EtcdError {
    return lateError(code, this.#state, ms, this.#attempt?.connection, this.#rounds.lastError)
  }

  get #state(): Parameters<typeof cancelledError>[0] {
    const isSent = this.#attempt?.isSent ?? false
    return { call: this.#name, endpoint: this.#endpoint?.url, isSent }
  }

  #fail(error: EtcdError): void {
    if (this.#isSettled) return
    this.#settle()
    const fate = worseFate(this.#rounds.fate, error.fate)
    const told = fate === error.fate ? error : error.with({ fate })
    const isExplained = this.#retry === 'write' && this.#options.sendings === undefined
    this.#caller.reject(finalError(isExplained ? this.#sendings.explain(told) : told, this.#retry))
  }

  #settle(): void {
    this.#isSettled = true
    this.#attempt = undefined
    this.#rounds.stop()
    this.#token.settle()
    openCalls(this.#context, this.#options).delete(this)
    this.#liftLimits?.()
    if (this.#timer !== undefined) this.#context.clock.clearTimeout(this.#timer)
  }
}
