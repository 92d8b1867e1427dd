import { Dispatcher } from 'undici'
import type { Policies } from './balance/live-policy.ts'
import {
  assertAccepted,
  type Checks,
  FUNCTION,
  LABEL,
  numberIn,
  oneOf,
  readOptions,
  SIGNAL,
} from './check-options.ts'
import { DiscoveryError } from './errors.ts'
import { type Destination, RoutedRequest } from './route/routed-request.ts'
import { RouteTarget } from './route/route-target.ts'
import type { ServiceCore } from './service/service-core.ts'
import type { ViewState } from './service/view-state.ts'
import type { Endpoint } from './view/endpoint.ts'
import type { Member } from './view/member.ts'
import type { ServiceEvents, ServiceStatus } from './view/service-status.ts'
import { cancelled } from './wait.ts'

/** A request of a view: undici's options without an origin. */
export type ServiceRequest = Omit<Dispatcher.RequestOptions, 'origin' | 'body'> & {
  /** `URLSearchParams` are sent as a form, with its `content-type` unless there is one. */
  readonly body?: Dispatcher.RequestOptions['body'] | URLSearchParams
  /** The time to the answer says nothing about the endpoint, as with long polls. Default false. */
  readonly ignoreLatency?: boolean
}

/** What a choice by hand may depend on. */
export interface PickOptions {
  /** Default: the zone of the discovery. */
  readonly zone?: string
  /** For the algorithm `ring-hash`. */
  readonly hashKey?: string
}

/** Options of `fresh`. */
export interface FreshOptions {
  readonly signal?: AbortSignal
}

/** How a request to a picked endpoint has ended. */
export interface PickOutcome {
  /** Anything but undefined says that the endpoint has failed. */
  readonly error?: unknown
  /** The time to its answer. */
  readonly latencyMs?: number
}

/** An endpoint that was chosen for one request. */
export interface Picked<Metadata = unknown> {
  readonly endpoint: Endpoint<Metadata>
  /** Says that the request has ended; only the first call counts. */
  done(outcome?: PickOutcome): void
}

/**
 * The endpoints of a service, as the store has them at `revision`, kept up to date. While etcd is away the last known ones
 * stay.
 */
export interface ServiceView<Metadata = unknown> extends AsyncDisposable {
  readonly name: string
  /** All known endpoints, each with its `health`. A new frozen list after each change. */
  readonly endpoints: readonly Endpoint<Metadata>[]
  /** The revision of the store that `endpoints` is at; 0 before the first list. */
  readonly revision: number
  readonly status: ServiceStatus
  /**
   * Resolves when everything the store holds now is in `endpoints`.
   *
   * @throws DiscoveryError `closed`, `cancelled`, `invalid_option`; EtcdError if the store cannot be read
   */
  fresh(options?: FreshOptions): Promise<void>
  /**
   * Sends a request to an endpoint, as undici's `request` does.
   *
   * @throws DiscoveryError `no_endpoints`, `overloaded`, `request_failed`, `retry_budget_exhausted`, `closed`; for what cannot be
   * sent, which counts against no endpoint, `invalid_option`, or the error of undici or of the body
   */
  request(request: ServiceRequest): Promise<Dispatcher.ResponseData>
  /**
   * Chooses an endpoint for a request of another protocol. Call `done` when it has ended.
   *
   * @throws DiscoveryError `no_endpoints`, `overloaded`, `closed`, `invalid_option`
   */
  pick(options?: PickOptions): Picked<Metadata>
  /**
   * Adds a listener and returns the function that removes it. A listener of `rejected` is called soon for the records that
   * are left out at the moment, too.
   *
   * @throws DiscoveryError `invalid_option`
   */
  on<Name extends 'change' | 'live' | 'stale' | 'rejected'>(
    event: Name,
    listener: (event: ServiceEvents<Metadata>[Name]) => unknown,
  ): () => void
  /** Ends the view. Other users of the service are not affected. Idempotent. */
  close(): Promise<void>
}

/** What an `OpenView` is made of. */
export interface OpenViewOptions<Metadata> {
  readonly core: ServiceCore
  readonly state: ViewState<Metadata>
  readonly policies: Policies
  readonly zone: string | undefined
}

const PICK_CHECKS: Checks<PickOptions> = {
  zone: LABEL,
  hashKey: { accepts: (value) => typeof value === 'string', expected: 'a text' },
}

const EVENT = oneOf('change', 'live', 'stale', 'rejected')
const FRESH_CHECKS: Checks<FreshOptions> = { signal: SIGNAL }

/** The view that `openService` returns. */
export class OpenView<Metadata> implements ServiceView<Metadata> {
  readonly #core: ServiceCore
  readonly #state: ViewState<Metadata>
  readonly #options: OpenViewOptions<Metadata>
  readonly #requests: ViewRequests
  #isClosed = false

  constructor(options: OpenViewOptions<Metadata>) {
    this.#options = options
    this.#core = options.core
    this.#state = options.state
    const destination = { host: `${options.core.service}.service`, isSecure: false }
    this.#requests = new ViewRequests(destination, () => this.#target(undefined))
  }

  get name(): string {
    return this.#core.service
  }

  get endpoints(): readonly Endpoint<Metadata>[] {
    return this.#state.endpoints
  }

  get revision(): number {
    return this.#core.watch.revision
  }

  get status(): ServiceStatus {
    const { policies, zone } = this.#options
    const isPanicking = this.#core.balancer.isPanicking(policies.of(this.name), zone, this.#core.now())
    return this.#state.status(this.#isEnded, isPanicking)
  }

  async fresh(options: FreshOptions = {}): Promise<void> {
    this.#assertOpen()
    const { signal } = readOptions('fresh', FRESH_CHECKS, options)
    const given = signal ?? new AbortController().signal
    if (given.aborted) throw cancelled('fresh', given)
    try {
      await this.#core.watch.refresh(given)
    } catch (error) {
      throw given.aborted ? cancelled('fresh', given) : error
    }
  }

  async request(request: ServiceRequest): Promise<Dispatcher.ResponseData> {
    this.#assertOpen()
    const options = { ...request, origin: `http://${this.name}.service` }
    return this.#requests.request(options as Dispatcher.RequestOptions)
  }

  pick(options: PickOptions = {}): Picked<Metadata> {
    this.#assertOpen()
    const { zone, hashKey = '' } = readOptions('pick', PICK_CHECKS, options)
    const target = this.#target(zone)
    const member = target.pick({ tried: [], hashKey, isSecure: false })
    if (typeof member === 'string') throw new DiscoveryError(member, `pick: ${target.explain()}`)
    const endpoint = this.#state.typed.endpointOf(member)
    if (endpoint === undefined) throw new DiscoveryError('no_endpoints', `pick: ${target.explain()}`)
    target.begin(member, false)
    let isDone = false
    const done = (outcome?: PickOutcome): void => {
      if (isDone) return
      isDone = true
      target.release(member)
      const { error, latencyMs } = outcome ?? {}
      if (latencyMs !== undefined) assertAccepted('done', 'latencyMs', numberIn(0, Infinity), latencyMs)
      target.judge(member, error === undefined ? { type: 'answered', latencyMs } : { type: 'failed' })
    }
    return { endpoint, done }
  }

  on<Name extends 'change' | 'live' | 'stale' | 'rejected'>(
    event: Name,
    listener: (event: ServiceEvents<Metadata>[Name]) => unknown,
  ): () => void {
    assertAccepted('on', 'the event', EVENT, event)
    assertAccepted('on', 'the listener', FUNCTION, listener)
    return this.#state.on(event, listener)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#state.listeners.clear()
    this.#state.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get #isEnded(): boolean {
    return this.#isClosed || this.#core.isClosed
  }

  #target(zone: string | undefined): RouteTarget {
    const { policies, zone: own } = this.#options
    const accepts = (member: Member) => this.#state.typed.endpointOf(member) !== undefined
    return new RouteTarget({ core: this.#core, policy: policies.of(this.name), zone: zone ?? own, accepts })
  }

  #assertOpen(): void {
    if (this.#isEnded) throw new DiscoveryError('closed', `the view of ${this.name} is closed`)
  }
}

/** Sends every request to one service. */
class ViewRequests extends Dispatcher {
  readonly #destination: Destination
  readonly #target: () => RouteTarget

  constructor(destination: Destination, target: () => RouteTarget) {
    super()
    this.#destination = destination
    this.#target = target
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    new RoutedRequest(this.#target(), this.#destination, options, handler, () => undefined).start()
    return true
  }
}
