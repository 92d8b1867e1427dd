import { channel } from 'node:diagnostics_channel'
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import type { Unavailable } from '../balance/balancer.ts'
import type { Policy } from '../balance/policy.ts'
import { asError, DiscoveryError, reasonOf } from '../errors.ts'
import type { Member } from '../view/member.ts'
import { Attempt, type AttemptOwner, type RoutedOptions } from './attempt.ts'
import type { Fault } from './fault.ts'
import { RequestBody } from './request-body.ts'
import { headerOf, keptHeaders, withDefault } from './request-headers.ts'
import { isLostConnection, isRefusedConnection, mayRetry, retryAfterMs } from './retry-rules.ts'
import { RoutedController } from './routed-controller.ts'
import type { Choosing, RouteTarget } from './route-target.ts'
import { deepFrozen } from '../deep-frozen.ts'

const ENDED = channel('livetree.discovery:request')

/** undici's own time limit for the head of an answer. */
const HEADERS_TIMEOUT_MS = 300_000

type Writable<T> = { -readonly [Name in keyof T]: T[Name] }

/** Where a request goes. */
export interface Destination {
  /** The host name of the request. */
  readonly host: string
  /** The caller has asked for TLS. */
  readonly isSecure: boolean
}

/** One request of a caller: chooses an endpoint, and another one where the retry rules allow it. */
export class RoutedRequest implements AttemptOwner {
  readonly target: RouteTarget
  /** A copy: callers may use theirs for other requests, while this one waits for an endpoint. */
  readonly options: Writable<RoutedOptions>
  readonly handler: Dispatcher.DispatchHandler
  readonly controller: RoutedController
  readonly body: RequestBody
  readonly policy: Policy
  readonly #destination: Destination
  readonly #onEnd: () => void
  readonly #tried: Member[] = []
  /** Failed attempts, without those whose connection was refused: where a whole zone is gone, these are many at once. */
  #counted = 0
  /** Members at which a connection was lost: it may have been an old one, and the next one may be better. */
  #cut: Set<Member> | undefined
  readonly #failures: string[] = []
  /** Ends waiting for a first endpoint. */
  #stopWaiting: AbortController | undefined
  #attempt: Attempt | undefined
  /** For `ring-hash`. */
  #hashKey = ''
  readonly #startedAt: number
  #status: number | undefined
  #isSettled = false
  #isEnded = false

  constructor(
    target: RouteTarget,
    destination: Destination,
    options: RoutedOptions,
    handler: Dispatcher.DispatchHandler,
    onEnd: () => void,
  ) {
    this.target = target
    this.#destination = destination
    this.options = { ...options }
    this.handler = handler
    this.#onEnd = onEnd
    this.policy = target.policy
    this.#startedAt = target.now()
    this.body = new RequestBody(options.body)
    this.controller = new RoutedController((reason) => this.#abort(reason))
  }

  /**
   * Begins. The caller can abort from here on, also while there is no endpoint yet. Never throws: what the handler, the
   * headers or a pool throw fails the request, so that it ends for everybody who waits for it.
   */
  start(): void {
    try {
      const { given: body, contentType } = this.body
      const kept = keptHeaders(this.options.headers)
      const headers = contentType === undefined ? kept : withDefault(kept, 'content-type', contentType)
      this.options.headers = headers
      if (body !== undefined) this.options.body = body
      const { algorithm, hashHeader } = this.policy
      if (algorithm === 'ring-hash') this.#hashKey = headerOf(this.options.headers, hashHeader) ?? ''
      this.handler.onRequestStart?.(this.controller, {})
    } catch (error) {
      this.fail(asError(error))
    }
    if (this.#isSettled || this.controller.aborted) return
    if (!this.#tryNext(false)) void this.#waitForEndpoint()
  }

  /** The head of the answer is the caller's: whatever happens now is no longer hidden. */
  settle(status: number): void {
    this.#status = status
    this.#isSettled = true
  }

  /** The request has ended, with this error if with one, and the handler knows it. */
  end(error?: Error): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#isSettled = true
    this.#attempt = undefined
    this.#stopWaiting?.abort()
    this.#onEnd()
    if (ENDED.hasSubscribers) this.#publish(error)
  }

  /** No path and no header: they may be secret. */
  #publish(error: Error | undefined): void {
    const last = this.#tried.at(-1)
    const message = {
      service: this.target.service,
      method: this.options.method,
      attempts: this.#tried.length,
      id: last?.id,
      address: last?.address,
      status: this.#status,
      error,
      durationMs: this.target.now() - this.#startedAt,
    }
    ENDED.publish(deepFrozen(message))
  }

  get isOver(): boolean {
    return this.#isSettled
  }

  /** An attempt has ended without an answer. */
  attemptFailed(attempt: Attempt, error: Error, fault: Fault): void {
    if (this.#isSettled) return
    this.#failures.push(`${attempt.member.address} (${reasonOf(error)})`)
    const { member, wasStarted } = attempt
    if (wasStarted || !isRefusedConnection(error)) this.#counted += 1
    if (wasStarted && isLostConnection(error)) this.#cut = new Set(this.#cut).add(member)
    else this.#cut?.delete(member)
    if (fault === 'caller') {
      this.fail(error)
      return
    }
    if (!this.#allowsRetry(attempt, { type: 'error' }) || !this.#hasOther) this.fail(this.#failed(error))
    else if (!this.target.spendRetry()) this.fail(this.#outOfBudget(error))
    else if (!this.#tryNext(true)) this.fail(this.#failed(error))
  }

  /** Whether another attempt takes the place of one that was answered by a failing gateway. */
  replaces(attempt: Attempt, status: number, headers: IncomingHttpHeaders): boolean {
    this.#counted += 1
    const headersMs = this.options.headersTimeout ?? HEADERS_TIMEOUT_MS
    // undici takes 0 for no limit.
    const deadlineMs = headersMs === 0 ? Infinity : headersMs
    const waitMs = retryAfterMs(headers['retry-after'], this.target.wallNow())
    if (!this.#allowsRetry(attempt, { type: 'status', status, retryAfterMs: waitMs, deadlineMs }))
      return false
    if (!this.#hasOther || !this.target.spendRetry()) return false
    this.#failures.push(`${attempt.member.address} (status ${status})`)
    return this.#tryNext(true)
  }

  /** Tells the caller that the request has failed. */
  fail(error: Error): void {
    if (this.#isSettled) return
    this.end(error)
    try {
      this.handler.onResponseError?.(this.controller, error)
    } catch {
      // undici drops what handlers throw here, too: there is nobody left to report to.
    }
  }

  #abort(reason: Error): void {
    const attempt = this.#attempt
    if (attempt?.abort(reason) !== true) this.fail(reason)
  }

  /** Chooses an endpoint and sends the request to it. Returns false if there is none. */
  #tryNext(isRetry: boolean): boolean {
    const { problem } = this.body
    if (problem !== undefined) {
      this.fail(problem)
      return true
    }
    const picked = this.#pick()
    if (picked === 'no_endpoints') return false
    if (picked === 'overloaded') {
      this.fail(new DiscoveryError('overloaded', `${this.#what} was not sent`))
      return true
    }
    this.#tried.push(picked)
    const attempt = new Attempt(this, picked)
    this.#attempt = attempt
    this.controller.target = undefined
    attempt.send(isRetry)
    return true
  }

  dispatchTo(member: Member, attempt: Attempt): void {
    const { origin, pool, serverName } = this.target.poolOf(member)
    const options: Writable<RoutedOptions> & { servername?: string } = { ...this.options, origin }
    if ('ignoreLatency' in options) delete options.ignoreLatency
    if (this.policy.hostHeader === 'service')
      options.headers = withDefault(options.headers, 'host', this.#destination.host)
    // Without it undici would check the certificate for what the `host` header says, which is the caller's.
    if (serverName !== undefined) options.servername = serverName
    attempt.isDispatched = true
    pool.dispatch(options, attempt)
  }

  async #waitForEndpoint(): Promise<void> {
    this.#stopWaiting = new AbortController()
    const { signal } = this.#stopWaiting
    const { waitForEndpointsMs } = this.policy
    try {
      const isThere = await this.target.waitForEndpoint(this.#choosing, waitForEndpointsMs, signal)
      if (this.#isSettled || (isThere && this.#tryNext(false))) return
      const what = `${this.#what} was not sent: ${this.target.explain(this.#destination.isSecure)}, after waiting ${waitForEndpointsMs} ms`
      this.fail(new DiscoveryError('no_endpoints', what))
    } catch (error) {
      this.fail(asError(error))
    }
  }

  #allowsRetry(attempt: Attempt, failure: Parameters<typeof mayRetry>[0]['failure']): boolean {
    const { most } = this.policy.retries
    if (this.controller.aborted || this.#isSettled || most === 0 || this.#counted > most) return false
    const { method, idempotent, upgrade } = this.options
    const kind = this.body.kind(attempt.wasStarted)
    if (upgrade && attempt.wasStarted) return false
    return mayRetry({ method, idempotent, body: kind, wasStarted: attempt.wasStarted, failure })
  }

  get #choosing(): Choosing {
    return { tried: this.#tried, hashKey: this.#hashKey, isSecure: this.#destination.isSecure }
  }

  /** An endpoint that was not tried, or one whose connection was lost, since that may have been an old one. */
  #pick(): Member | Unavailable {
    const picked = this.target.pick(this.#choosing)
    const cut = this.#cut
    if (picked !== 'no_endpoints' || cut === undefined || cut.size === 0) return picked
    const tried = this.#tried.filter((member) => !cut.has(member))
    return this.target.pick({ ...this.#choosing, tried })
  }

  get #hasOther(): boolean {
    return typeof this.#pick() !== 'string'
  }

  get #what(): string {
    return `${this.options.method} ${this.#destination.host}`
  }

  #failed(cause: Error): DiscoveryError {
    return new DiscoveryError(
      'request_failed',
      `${this.#what} failed at ${this.#failures.join(', then at ')}`,
      { cause },
    )
  }

  #outOfBudget(cause: Error): DiscoveryError {
    return new DiscoveryError(
      'retry_budget_exhausted',
      `${this.#what} failed at ${this.#failures.join(', then at ')}`,
      {
        cause,
      },
    )
  }
}
