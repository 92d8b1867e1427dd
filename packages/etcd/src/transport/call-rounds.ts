import { CHANNELS } from '../diagnostics.ts'
import type { Fate } from '../error-codes.ts'
import type { EtcdError } from '../errors.ts'
import { backoffMs } from './backoff.ts'
import type { PickOptions } from './balancer.ts'
import { type CallContext, tellRetry } from './call-context.ts'
import { nobodyError } from './call-errors.ts'
import type { Endpoint } from './endpoint.ts'
import { FailedAttempts, triedOf } from './failed-attempts.ts'
import { Reach } from './reach.ts'
import type { UnaryOptions } from './unary-request.ts'

/** What the rounds of a call decide. */
export interface RoundPorts {
  /** The call may be sent to this endpoint, which had to be connected first. */
  onReady(endpoint: Endpoint): void
  /** A new round begins. */
  onRound(): void
  /** Another round would be useless. */
  onHopeless(error: EtcdError): void
}

/** The endpoints of one call: which is next, which have failed, and how long to wait once all have failed. */
export class CallRounds {
  readonly #context: CallContext
  readonly #name: string
  readonly #options: UnaryOptions
  readonly #ports: RoundPorts
  /** URL of the endpoint that refused the token last. */
  avoid: string | undefined
  #failures: FailedAttempts | undefined
  #reach: Reach | undefined
  #timer: unknown
  #isStopped = false
  #hasMoved = false

  constructor(context: CallContext, name: string, options: UnaryOptions, ports: RoundPorts) {
    this.#context = context
    this.#name = name
    this.#options = options
    this.#ports = ports
  }

  /** The worst possible fate of the request so far. */
  get fate(): Fate {
    return this.#failures?.fate ?? 'not_sent'
  }

  get lastError(): EtcdError | undefined {
    return this.#failures?.lastError
  }

  /** The failed attempts, to add one. */
  get failed(): FailedAttempts {
    this.#failures ??= new FailedAttempts()
    return this.#failures
  }

  /** The next endpoint that is none of these; default: that has not failed in this round. */
  pick(tried: PickOptions['tried'] = this.#failures): Endpoint | undefined {
    const { balancer } = this.#context
    const { endpoint, avoidAll, retry } = this.#options
    if (endpoint === undefined)
      return balancer.pick({ tried, avoid: this.avoid, avoidAll, isRead: retry === 'read' })
    const named = balancer.named(endpoint)
    return tried?.has(named) ? undefined : named
  }

  /** True if an endpoint is left that has not failed in this round, besides this one. */
  hasOther(endpoint: Endpoint): boolean {
    const { endpoints, identity } = this.#context.balancer
    const isRead = this.#options.retry === 'read'
    return endpoints.some(
      (each) => each !== endpoint && !this.#failures?.has(each) && !identity.isLeftOut(each, isRead),
    )
  }

  /** Connects when no untried endpoint is connected. */
  connect(endpoint: Endpoint): void {
    this.#reach = new Reach({
      clock: this.#context.clock,
      pick: (waiting) => this.pick(triedOf(this.#failures, waiting)),
      pickAgain: (waiting) => this.pick(waiting),
      onReady: (ready) => {
        this.#reach = undefined
        this.#ports.onReady(ready)
      },
      onFailed: (failed, error) => {
        this.note(failed, error.with({ call: this.#name }))
        this.tellRetry()
      },
      onNobody: () => {
        this.#reach = undefined
        this.end()
      },
    })
    this.#reach.start(endpoint)
  }

  /** An attempt at this endpoint failed, and the call goes on. */
  note(endpoint: Endpoint, error: EtcdError): void {
    const { identity } = this.#context.balancer
    identity.settle()
    this.failed.note(endpoint, identity.explain(error))
  }

  /** Whether the call may leave a connection whose peer is silent: once. */
  mayMove(): boolean {
    const mayMove = !this.#hasMoved
    this.#hasMoved = true
    return mayMove
  }

  /** Tells the caller of the last failure, once. */
  tellRetry(): void {
    const error = this.#failures?.takeUntold()
    if (error === undefined) return
    const { clientName: client, logger } = this.#context
    const { endpoint, code } = error
    if (CHANNELS.retry.hasSubscribers) CHANNELS.retry.publish({ client, method: this.#name, endpoint, code })
    tellRetry(this.#options.onRetry, error, logger)
  }

  /**
   * All endpoints have failed in this round. A diagnosis of silent ones may show that retrying is useless.
   */
  end(): void {
    const diagnosing = this.#failures?.diagnose(this.#name)
    if (diagnosing === undefined) this.#wait()
    else void diagnosing.then(() => this.#wait())
  }

  /** The call has settled; nothing is called any more. */
  stop(): void {
    this.#isStopped = true
    this.#reach?.stop()
    this.#context.clock.clearTimeout(this.#timer)
  }

  #wait(): void {
    if (this.#isStopped) return
    const { balancer, clock, backoff } = this.#context
    const failures = this.#failures
    if (failures === undefined || failures.isHopeless) {
      this.#ports.onHopeless(failures?.lastError ?? nobodyError(this.#name, balancer.size))
      return
    }
    this.tellRetry()
    if (this.#isStopped) return
    const nextRound = (): void => {
      failures.beginRound()
      this.#ports.onRound()
    }
    this.#timer = clock.setTimeout(nextRound, backoffMs(backoff, failures.rounds))
    failures.rounds += 1
  }
}
