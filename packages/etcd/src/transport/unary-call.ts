import { callIsolated } from '../call-isolated.ts'
import type { EtcdError } from '../errors.ts'
import { backoffMs } from './backoff.ts'
import { cancelledError, silentError } from './call-errors.ts'
import { type CallPhase, limitCall } from './call-limits.ts'
import { callName } from './call-name.ts'
import type { CallContext, OpenCall } from './call-context.ts'
import { CallRounds } from './call-rounds.ts'
import { fetchToken, type TokenWaiter } from './fetch-token.ts'
import { closedFor, openCalls, refusedStart } from './parting.ts'
import { OpenAttempt } from './open-attempt.ts'
import { judgeAnswer, type ProofPorts, proveStatus } from './prove-status.ts'
import { blame, type Decision, decideRetry, finalError, worseFate } from './retry.ts'
import { Sendings } from './sendings.ts'
import { TokenRefusals } from './token-refusals.ts'
import type { RetryClass } from './transport.ts'
import type { AttemptOwner, UnaryAttempt } from './unary-attempt.ts'
import type { Caller, UnaryOptions, UnaryRequest } from './unary-request.ts'

/** One request with its retries: ends at its deadline at the latest and settles exactly once. */
export class UnaryCall<Res> implements AttemptOwner<Res>, OpenCall, TokenWaiter {
  readonly #context: CallContext
  readonly #name: string
  readonly #options: UnaryOptions
  readonly #retry: RetryClass
  readonly #caller: Caller<Res>
  /** The cluster whose answer the call accepts; `undefined` if there was none when it started. */
  #expected: bigint | undefined
  #phase: CallPhase = { type: 'unstarted' }
  readonly #refusals = new TokenRefusals()
  readonly #sendings: Sendings
  readonly #rounds: CallRounds
  readonly #open: OpenAttempt<Res>
  #doubts = 0

  constructor(context: CallContext, request: UnaryRequest<Res>, caller: Caller<Res>) {
    this.#context = context
    this.#name = callName(request.path)
    this.#options = request.options
    this.#retry = request.options.retry ?? 'write'
    this.#caller = caller
    this.#open = new OpenAttempt(context, request, {
      owner: this,
      onSlow: (attempt, ms) => this.#onSlowAttempt(attempt, ms),
      hasOther: (endpoint) => this.#rounds.hasOther(endpoint),
      onNoRoom: (ms) => this.#onDeadline(ms),
      onSilentToken: (error, attempt) => this.#onSilentToken(attempt, error),
    })
    this.#rounds = new CallRounds(context, this.#name, request.options, {
      onReady: (endpoint) => {
        if (!this.#isOvertaken()) this.#open.begin(endpoint)
      },
      onRound: () => this.#next(),
      onHopeless: (error) => this.#fail(error),
    })
    this.#sendings = request.options.sendings ?? new Sendings()
  }

  get #isSettled(): boolean {
    return this.#phase.type === 'settled'
  }

  start(): void {
    const { signal } = this.#options
    const { timeoutMs } = this.#open
    const refusal = refusedStart(this.#context, this.#options, this.#open.state)
    if (refusal !== undefined) {
      this.#caller.reject(refusal)
      return
    }
    openCalls(this.#context, this.#options).add(this)
    // An answer that names no cluster has the id 0.
    this.#expected = this.#options.clusterId || this.#context.balancer.identity.clusterId
    const liftLimits = limitCall(this.#context.clock, timeoutMs, signal, {
      onDeadline: () => {
        if (this.#open.keepsArriving()) return true
        this.#onDeadline(timeoutMs * Math.max(1, Math.floor(this.#open.elapsedMs / timeoutMs)))
        return false
      },
      onAbort: (reason) => this.stop(cancelledError(this.#open.state, reason)),
    })
    if (!this.#isSettled) this.#phase = { type: 'running', liftLimits }
    this.#next()
  }

  stop(error: EtcdError): void {
    const attempt = this.#open.current
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

  /** A read is sent again over another connection. A write may still be executed. */
  onSilent(attempt: UnaryAttempt<Res>): void {
    if (this.#open.current !== attempt || this.#retry !== 'read' || !this.#rounds.mayMove()) return
    this.#leave(attempt, silentError(attempt.place))
  }

  onAnswer(answer: Res, attempt: UnaryAttempt<Res>): void {
    const endpoint = this.#open.endpoint!
    const foreign = judgeAnswer(attempt, endpoint, this.#proof)
    if (foreign !== undefined) {
      this.#onForeign(foreign, attempt)
      return
    }
    endpoint.succeeded()
    this.#settle()
    this.#caller.resolve(answer, endpoint.url)
  }

  get #proof(): ProofPorts {
    const { balancer, clock } = this.#context
    const isAlone = balancer.size < 2 || this.#options.endpoint !== undefined
    return { identity: balancer.identity, clock, expected: this.#expected, isAlone }
  }

  onFailure(error: EtcdError, attempt: UnaryAttempt<Res>): void {
    this.#open.clearTimer()
    const closed = closedFor(this.#context, this.#options)
    if (closed !== undefined) return void this.#fail(closed.with({ call: this.#name, fate: error.fate }))
    // Whoever refused the token: a new one is needed, and Authenticate's answer is verified by itself.
    const isTaken = this.#options.isAnonymous || this.#isRefreshing(error)
    const proving = isTaken ? undefined : proveStatus(error, attempt, this.#open.endpoint!, this.#proof)
    if (proving === undefined) this.#judge(error, attempt)
    else void proving.then((judged) => this.#onProved(judged.error, judged.isProven, attempt))
  }

  #onProved(error: EtcdError, isProven: boolean, attempt: UnaryAttempt<Res>): void {
    if (this.#open.current !== attempt) return
    if (error.code === 'cluster_changed') this.#onForeign(error, attempt)
    else if (isProven || this.#proof.isAlone) this.#judge(error, attempt)
    else this.#onUnproven(error)
  }

  /** The peer could not be verified to be etcd: other endpoints are preferred from now on, and a read tries them at once. */
  #onUnproven(error: EtcdError): void {
    this.#open.end()
    this.#open.endpoint!.doubt()
    if (this.#retry !== 'read') return void this.#fail(error)
    this.#rounds.failed.noteUnproven(this.#open.endpoint!, error)
    this.#next()
  }

  /** If the cluster the call started under is still the current one, another endpoint may belong to it. */
  #onForeign(error: EtcdError, attempt: UnaryAttempt<Res>): void {
    this.#open.clearTimer()
    const isStill = [undefined, this.#context.balancer.identity.clusterId].includes(this.#expected)
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
    if (endpoint.isReady) this.#open.begin(endpoint)
    else {
      this.#open.connects(endpoint)
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
    this.#open.onTimer(timer)
  }

  /** If the condition fails, the call fails unsent. */
  #after(condition: Promise<void>): void {
    condition.then(
      () => this.#next(),
      (error: EtcdError) => this.#fail(error.with({ call: this.#name, fate: 'not_sent' })),
    )
  }

  /** A read is sent again with the new token. A write may still be executed. */
  #onSilentToken(attempt: UnaryAttempt<Res>, error: EtcdError): void {
    if (this.#open.current !== attempt || this.#retry !== 'read' || this.#refusals.areMany) return
    this.#refusals.add()
    this.#rounds.avoid = this.#open.endpoint?.url
    this.#leave(attempt, error.with(attempt.place))
  }

  /** Sends a read again, which has waited in vain through no fault of its endpoint. */
  #leave(attempt: UnaryAttempt<Res>, error: EtcdError): void {
    this.#open.end()
    this.#open.clearTimer()
    attempt.abandon(error)
    this.#rounds.failed.wait(error)
    this.#next()
  }

  #judge(error: EtcdError, attempt: UnaryAttempt<Res>): void {
    this.#open.end()
    const decision = this.#decide(error)
    blame(this.#open.endpoint!, error, decision)
    if (this.#isRefreshing(error)) {
      this.#rounds.failed.count(error)
      this.#onTokenRefused(error, attempt)
    } else if (decision === 'retry' || (decision === 'retry_once' && this.#doubts === 0)) {
      if (decision === 'retry_once') this.#doubts += 1
      this.#rounds.note(this.#open.endpoint!, error)
      this.#next()
    } else this.#fail(error)
  }

  #isRefreshing(error: EtcdError): boolean {
    return this.#refusals.allows(error) && this.#decide(error) === 'refresh'
  }

  #onTokenRefused(error: EtcdError, { token }: UnaryAttempt<Res>): void {
    const { clock, backoff } = this.#context
    this.#refusals.add()
    this.#rounds.avoid = this.#open.endpoint?.url
    const renew = (): void => this.#after(fetchToken(this.#context, token, this))
    if (this.#refusals.count > 1) {
      this.#rounds.failed.wait(error)
      const retry = this.#refusals.isLagging(error) ? () => this.#next() : renew
      this.#open.onTimer(clock.setTimeout(retry, backoffMs(backoff, this.#refusals.count)))
    } else renew()
  }

  #decide(error: EtcdError): Decision {
    const hasCredentials = this.#context.tokens.hasCredentials && !this.#options.isAnonymous
    return decideRetry(error, this.#retry, hasCredentials)
  }

  /** Retries a slow read elsewhere while there is time. */
  #onSlowAttempt(attempt: UnaryAttempt<Res>, ms: number): void {
    const error = this.#open.late('unavailable', ms, this.#rounds.lastError)
    this.#open.giveUp(error, ms)
    this.#judge(error, attempt)
  }

  #onDeadline(timeoutMs: number): void {
    const attempt = this.#open.current
    const error = this.#open.late('deadline_exceeded', timeoutMs, this.#rounds.lastError)
    if (attempt !== undefined) {
      this.#open.giveUp(error, timeoutMs)
      this.#open.doubtToken(attempt)
    }
    // An earlier failure explains more than the deadline, unless a request is in progress.
    const before = this.#rounds.lastError ?? this.#open.endpoint?.lastFailure?.with({ call: this.#name })
    this.#fail(error.fate === 'unknown' ? error : (before ?? error))
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
    if (this.#phase.type === 'running') this.#phase.liftLimits()
    this.#phase = { type: 'settled' }
    this.#rounds.stop()
    this.#open.settle()
    openCalls(this.#context, this.#options).delete(this)
  }
}
