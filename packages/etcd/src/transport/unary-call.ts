import { keepRunning } from '../clock.ts'
import type { Fate } from '../error-codes.ts'
import { EtcdError, isSettingError } from '../errors.ts'
import type { MessageType } from '../wire/message.ts'
import { backoffMs } from './backoff.ts'
import { type CallContext, callName, type OpenCall } from './call-context.ts'
import { diagnosePeer, isPuzzling } from './diagnose.ts'
import type { Endpoint } from './endpoint.ts'
import { decideRetry, finalError } from './retry.ts'
import type { CallOptions, RetryClass } from './transport.ts'
import { type AttemptOwner, UnaryAttempt } from './unary-attempt.ts'

/** Options of one unary call. `isAnonymous` is for Authenticate itself, which needs no token. */
export type UnaryOptions = CallOptions & { readonly retry?: RetryClass; readonly isAnonymous?: boolean }

const maxRefreshes = 2

const FATES: readonly Fate[] = ['not_sent', 'not_applied', 'unknown']

/** What may have become of a request that was sent twice. */
const worse = (a: Fate, b: Fate): Fate => (FATES.indexOf(a) > FATES.indexOf(b) ? a : b)

/** One request with its retries: ends at its deadline at the latest, and settles exactly once. */
export class UnaryCall<Res> implements AttemptOwner<Res>, OpenCall {
  readonly #context: CallContext
  readonly #path: string
  readonly #type: MessageType<Res>
  readonly #body: Buffer
  readonly #options: UnaryOptions
  readonly #retry: RetryClass
  readonly #resolve: (answer: Res) => void
  readonly #reject: (error: EtcdError) => void
  #attempt: UnaryAttempt<Res> | undefined
  #endpoint: Endpoint | undefined
  /** The cluster whose answer it takes; `undefined` when it began before there was one. */
  #expected: bigint | undefined
  /** What became of the attempts before this one, at worst. */
  #soFar: Fate = 'not_sent'
  #isSettled = false
  #deadline: unknown
  /** Ends the wait between rounds, or an attempt that takes too long. */
  #timer: unknown
  #onAbort: (() => void) | undefined
  /** Endpoints that failed in this round. */
  #tried: Set<Endpoint> | undefined
  #lastError: EtcdError | undefined
  #round = 0
  #refreshes = 0
  #doubts = 0
  /** Something in this round failed in a way that time may heal. */
  #canHeal = false

  constructor(
    context: CallContext,
    path: string,
    type: MessageType<Res>,
    body: Buffer,
    options: UnaryOptions,
    resolve: (answer: Res) => void,
    reject: (error: EtcdError) => void,
  ) {
    this.#context = context
    this.#path = path
    this.#type = type
    this.#body = body
    this.#options = options
    this.#retry = options.retry ?? 'write'
    this.#resolve = resolve
    this.#reject = reject
  }

  start(): void {
    const { closed, clock, open, callTimeoutMs } = this.#context
    const { signal } = this.#options
    if (closed !== undefined || signal?.aborted) {
      this.#reject(closed?.with({ call: callName(this.#path) }) ?? this.#cancelled(signal))
      return
    }
    open.add(this)
    this.#expected = this.#options.clusterId ?? this.#context.balancer.identity.clusterId
    if (signal !== undefined) {
      this.#onAbort = () => this.stop(this.#cancelled(signal))
      signal.addEventListener('abort', this.#onAbort)
    }
    const timeoutMs = this.#options.timeoutMs ?? callTimeoutMs
    this.#deadline = keepRunning(clock.setTimeout(() => this.#onDeadline(), timeoutMs))
    this.#next()
  }

  stop(error: EtcdError): void {
    const fate = this.#fateNow
    this.#attempt?.abandon(error)
    this.#fail(error.with({ call: callName(this.#path), fate }))
  }

  onAnswer(answer: Res, attempt: UnaryAttempt<Res>): void {
    const endpoint = this.#endpoint!
    const { identity } = this.#context.balancer
    const foreign = identity.judge(attempt.payload, endpoint, this.#expected, attempt.place)
    if (foreign !== undefined) {
      this.#onForeign(foreign, attempt)
      return
    }
    endpoint.succeeded()
    this.#settle()
    this.#resolve(answer)
  }

  /** Where the call began under the cluster still in hand, another endpoint may be of that one. */
  #onForeign(error: EtcdError, attempt: UnaryAttempt<Res>): void {
    this.#attempt = undefined
    this.#context.clock.clearTimeout(this.#timer)
    const isStill = this.#context.balancer.identity.clusterId === this.#expected
    if (isStill && this.#options.endpoint === undefined) this.#judge(error, attempt)
    else this.#fail(error)
  }

  onFailure(error: EtcdError, attempt: UnaryAttempt<Res>): void {
    const { closed, clock } = this.#context
    this.#attempt = undefined
    clock.clearTimeout(this.#timer)
    if (closed !== undefined) this.#fail(closed.with({ call: callName(this.#path) }))
    else if (!isPuzzling(error, attempt.connection.isProven)) {
      this.#judge(error, attempt)
    } else {
      const place = { endpoint: attempt.connection.url, call: callName(this.#path) }
      void diagnosePeer(place, error).then((found) => {
        if (!this.#isSettled) this.#judge(found ?? error, attempt)
      })
    }
  }

  /** Takes the next endpoint, or waits until there is one to take. */
  #next(): void {
    if (this.#isSettled) return
    const { preparation, tokens, balancer } = this.#context
    const changed = balancer.identity.changeSince(this.#expected, callName(this.#path))
    if (changed !== undefined) {
      this.#fail(changed)
      return
    }
    const needsToken = tokens.isMissing && !this.#options.isAnonymous
    const condition = preparation ?? (needsToken ? tokens.refresh() : undefined)
    const endpoint = condition === undefined ? this.#pick() : undefined
    if (condition !== undefined) this.#after(condition)
    else if (endpoint === undefined) this.#wait()
    else this.#try(endpoint)
  }

  #pick(): Endpoint | undefined {
    const { balancer } = this.#context
    const { endpoint } = this.#options
    if (endpoint === undefined) return balancer.pick({ tried: this.#tried, isRead: this.#retry === 'read' })
    const named = balancer.named(endpoint)
    return this.#tried?.has(named) ? undefined : named
  }

  /** Whatever becomes of the condition, the call itself is not on its way. */
  #after(condition: Promise<void>): void {
    condition.then(
      () => this.#next(),
      (error: EtcdError) => this.#fail(error.with({ call: callName(this.#path), fate: 'not_sent' })),
    )
  }

  #try(endpoint: Endpoint): void {
    const { tokens, headers, maxResponseBytes, balancer, clock, attemptTimeoutMs } = this.#context
    const { connection } = endpoint
    const token = this.#options.isAnonymous ? undefined : tokens.token
    const attempt = new UnaryAttempt(this, this.#type, this.#path, connection, token, maxResponseBytes)
    this.#endpoint = endpoint
    this.#attempt = attempt
    if (this.#retry === 'read' && balancer.size > 1 && this.#options.endpoint === undefined) {
      this.#timer = clock.setTimeout(() => this.#onSlowAttempt(endpoint, attempt), attemptTimeoutMs)
    }
    connection.start(this.#path, headers(token, this.#options.requireLeader ?? false), this.#body, attempt)
  }

  #judge(error: EtcdError, attempt: UnaryAttempt<Res>): void {
    const { tokens } = this.#context
    const decision = decideRetry(error, this.#retry, tokens.hasCredentials && !this.#options.isAnonymous)
    if (decision === 'refresh' && this.#refreshes < maxRefreshes) {
      this.#refreshes += 1
      this.#soFar = worse(this.#soFar, error.fate)
      this.#after(tokens.refresh(attempt.token))
    } else if (decision === 'retry' || (decision === 'retry_once' && this.#doubts === 0)) {
      if (decision === 'retry_once') this.#doubts += 1
      this.#retryAfter(error)
    } else this.#fail(error)
  }

  #retryAfter(error: EtcdError): void {
    const endpoint = this.#endpoint!
    this.#soFar = worse(this.#soFar, error.fate)
    endpoint.failed()
    this.#context.balancer.identity.settle()
    this.#tried ??= new Set()
    this.#tried.add(endpoint)
    this.#lastError = error
    this.#canHeal ||= !isSettingError(error)
    this.#options.onRetry?.(error)
    this.#next()
  }

  /** Every endpoint has failed in this round. */
  #wait(): void {
    const { clock, backoff, balancer } = this.#context
    if (!this.#canHeal || (balancer.size === 0 && this.#options.endpoint === undefined)) {
      const what = 'there is no endpoint'
      const nobody = new EtcdError('connect_failed', { call: callName(this.#path), what, fate: 'not_sent' })
      this.#fail(this.#lastError ?? nobody)
      return
    }
    const nextRound = (): void => {
      this.#tried?.clear()
      this.#canHeal = false
      this.#next()
    }
    this.#timer = clock.setTimeout(nextRound, backoffMs(backoff, this.#round))
    this.#round += 1
  }

  /** A read that takes this long is tried elsewhere while there is time left. */
  #onSlowAttempt(endpoint: Endpoint, attempt: UnaryAttempt<Res>): void {
    const error = this.#late(
      'unavailable',
      this.#context.attemptTimeoutMs,
      attempt.isSent ? 'unknown' : 'not_sent',
    )
    this.#drop(endpoint, attempt, error)
    this.#judge(error, attempt)
  }

  #onDeadline(): void {
    const timeoutMs = this.#options.timeoutMs ?? this.#context.callTimeoutMs
    const attempt = this.#attempt
    const isSent = attempt?.isSent ?? false
    const error = this.#late('deadline_exceeded', timeoutMs, isSent ? 'unknown' : 'not_sent')
    if (attempt !== undefined) this.#drop(this.#endpoint!, attempt, error)
    // What went wrong before says more than that time is up, as long as nothing is under way.
    this.#fail(isSent ? error : (this.#lastError ?? error))
  }

  #drop(endpoint: Endpoint, attempt: UnaryAttempt<Res>, error: EtcdError): void {
    this.#attempt = undefined
    this.#context.clock.clearTimeout(this.#timer)
    attempt.abandon(error)
    if (attempt.isSilent) endpoint.suspect(attempt.connection)
  }

  #late(code: 'deadline_exceeded' | 'unavailable', ms: number, fate: Fate): EtcdError {
    const before = this.#lastError === undefined ? '' : `; the attempt before failed: ${this.#lastError.what}`
    const what = `no ${fate === 'not_sent' ? 'connection' : 'answer'} within ${ms} ms${before}`
    const place = { call: callName(this.#path), endpoint: this.#endpoint?.url }
    return new EtcdError(code, { ...place, what, fate, cause: this.#lastError })
  }

  #cancelled(signal: AbortSignal | undefined): EtcdError {
    const what = this.#attempt?.isSent
      ? 'cancelled by the caller after it was sent'
      : 'cancelled by the caller'
    const place = { call: callName(this.#path), endpoint: this.#endpoint?.url }
    return new EtcdError('cancelled', { ...place, what, cause: signal?.reason, fate: this.#fateNow })
  }

  /** What would become of the request if it were given up now. */
  get #fateNow(): Fate {
    return this.#attempt?.isSent ? 'unknown' : 'not_sent'
  }

  #fail(error: EtcdError): void {
    if (this.#isSettled) return
    this.#settle()
    const fate = worse(this.#soFar, error.fate)
    this.#reject(finalError(fate === error.fate ? error : error.with({ fate }), this.#retry))
  }

  #settle(): void {
    const { clock, open } = this.#context
    this.#isSettled = true
    this.#attempt = undefined
    open.delete(this)
    clock.clearTimeout(this.#deadline)
    if (this.#timer !== undefined) clock.clearTimeout(this.#timer)
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener('abort', this.#onAbort)
  }
}
