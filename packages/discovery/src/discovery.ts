import { randomInt } from 'node:crypto'
import type { EtcdClient } from '@livetree/etcd'
import {
  type Dispatcher,
  fetch as undiciFetch,
  type RequestInfo,
  type RequestInit,
  type Response,
} from 'undici'
import { type LivePolicy, Policies } from './balance/live-policy.ts'
import type { PolicySettingsByService } from './balance/policy.ts'
import { type Checks, having, LABEL, milliseconds, OBJECT, readOptions, SIGNAL } from './check-options.ts'
import { systemClock } from './clock.ts'
import { definitionOf, type ServiceDefinition } from './define-service.ts'
import type { Discovery, DispatcherOptions, OpenServiceOptions } from './discovery-contract.ts'
import {
  type DiscoveryOptions,
  type ResolvedDiscoveryOptions,
  resolveDiscoveryOptions,
} from './discovery-options.ts'
import { DiscoveryError } from './errors.ts'
import { layoutOf, servicePrefix } from './record/layout.ts'
import { register } from './registration/register.ts'
import type { Registration } from './registration/registration-contract.ts'
import type { RegistrationContext } from './registration/registration-context.ts'
import type { RegisterOptions } from './registration/registration-options.ts'
import { createReports, type Reports } from './reports.ts'
import { DiscoveryDispatcher } from './route/discovery-dispatcher.ts'
import { takingOlderHandlers } from './route/older-handlers.ts'
import { inOwnClasses } from './route/own-fetch-classes.ts'
import { Routes } from './route/routes.ts'
import { RunningRequests } from './route/running-requests.ts'
import { RouteTarget } from './route/route-target.ts'
import { type ServiceContext, ServiceCore } from './service/service-core.ts'
import { ViewState } from './service/view-state.ts'
import { OpenView, type ServiceView } from './service-view.ts'
import { cancelled, within } from './wait.ts'

/**
 * Creates a discovery. No I/O.
 *
 * @throws DiscoveryError `invalid_option`
 */
export function createDiscovery(options: DiscoveryOptions): Discovery {
  return new EtcdDiscovery(resolveDiscoveryOptions(options))
}

const INTERCEPTOR_CHECKS: Checks<Omit<DispatcherOptions, 'fallback'>> = { policy: OBJECT, zone: LABEL }

const DISPATCHER_CHECKS: Checks<DispatcherOptions> = {
  ...INTERCEPTOR_CHECKS,
  fallback: having('an undici dispatcher', 'dispatch'),
}

const OPEN_CHECKS: Checks<OpenServiceOptions> = { startupTimeoutMs: milliseconds(), signal: SIGNAL }

/** Limit of services kept open for the next request; a caller may ask for any name. */
const MOST_IDLE_SERVICES = 1_000

/** A dispatcher uses every endpoint. */
function accepts(): boolean {
  return true
}

class EtcdDiscovery implements Discovery {
  readonly #options: ResolvedDiscoveryOptions
  readonly #services: ServiceContext
  readonly #registration: RegistrationContext
  readonly #policies: Policies
  readonly #cores = new Map<string, ServiceCore>()
  readonly #closingCores = new Set<Promise<void>>()
  readonly #registrations = new Set<Registration>()
  /** Registrations that were given up and may have left a key. */
  readonly #background = new Set<Promise<void>>()
  readonly #making = new Set<Promise<unknown>>()
  readonly #dispatchers = new Set<DiscoveryDispatcher>()
  readonly #ownPolicies = new Set<Policies>()
  readonly #closed = new AbortController()
  #ownDispatcher: Dispatcher | undefined
  #closing: Promise<void> | undefined

  constructor(options: ResolvedDiscoveryOptions) {
    this.#options = options
    const { client, prefix, codec, zone, policy, logger, clock = systemClock } = options
    const reports = createReports(logger)
    warnOfNamespace(client, prefix, reports)
    const layout = layoutOf(prefix, codec)
    const { protection, staleAfterMs, startupTimeoutMs, snapshotDirectory, idleMs, createPool, tls } = options
    this.#policies = new Policies('createDiscovery', policy, reports)
    this.#services = {
      client,
      layout,
      clock,
      reports,
      protection,
      staleAfterMs,
      startupTimeoutMs,
      snapshotDirectory,
      idleMs,
      createPool,
      tls,
      random: Math.random,
      seed: randomInt(2 ** 32),
    }
    this.#registration = {
      client,
      clock,
      reports,
      zone,
      env: process.env,
      closed: this.#closed.signal,
      inBackground: (work) => {
        this.#background.add(work)
        void work.then(() => this.#background.delete(work))
      },
      keyOf: (service, id) => `${servicePrefix(layout, service)}${id}`,
    }
  }

  async register<Metadata = unknown>(options: RegisterOptions<Metadata>): Promise<Registration<Metadata>> {
    this.#assertOpen()
    if (this.#options.codec !== 'go') {
      throw new DiscoveryError(
        'invalid_option',
        `register: records are written for Go's naming only, not for ${this.#options.codec}`,
      )
    }
    const making = register(this.#registration, options)
    const registration = await this.#whileMaking(making)
    this.#registrations.add(registration)
    registration.on('state', (state) => {
      if (state === 'closed') this.#registrations.delete(registration)
    })
    if (this.#closing === undefined) return registration
    await registration.deregister()
    throw new DiscoveryError('closed', 'the discovery was closed while the instance was registered')
  }

  async openService<Metadata = unknown>(
    service: string | ServiceDefinition<unknown, Metadata>,
    given: OpenServiceOptions = {},
  ): Promise<ServiceView<Metadata>> {
    this.#assertOpen()
    const options = readOptions('openService', OPEN_CHECKS, given)
    const definition = definitionOf('openService', service)
    const { signal, startupTimeoutMs = this.#options.startupTimeoutMs } = options
    if (signal?.aborted) throw cancelled('openService', signal)
    const core = this.#core(definition.name)
    if (typeof service === 'object') core.fallbackProtocol = definition.protocol
    const { clock, reports } = this.#services
    const state = new ViewState(core, definition, reports)
    const outcome = await within(clock, startupTimeoutMs, core.watch.listed, signal)
    if (outcome.type === 'aborted' && signal !== undefined) {
      state.release()
      throw cancelled('openService', signal)
    }
    this.#assertOpen()
    if (outcome.type === 'late') {
      reports.warn(
        `etcd has not answered within ${startupTimeoutMs} ms; ${definition.name} has no endpoints until it does`,
      )
    }
    const { zone } = this.#options
    return new OpenView({ core, state, policies: this.#policies, zone })
  }

  dispatcher(given: DispatcherOptions = {}): Dispatcher {
    this.#assertOpen()
    const { policy, zone, fallback } = readOptions('dispatcher', DISPATCHER_CHECKS, given)
    const policies = this.#policiesOf('dispatcher', policy)
    const dispatcher: DiscoveryDispatcher = new DiscoveryDispatcher({
      routes: this.#routes(policies, zone),
      fallback,
      onClose: () => {
        this.#dispatchers.delete(dispatcher)
        if (this.#ownPolicies.delete(policies)) policies.close()
      },
    })
    this.#dispatchers.add(dispatcher)
    return dispatcher
  }

  interceptor(given: Omit<DispatcherOptions, 'fallback'> = {}): Dispatcher.DispatcherComposeInterceptor {
    this.#assertOpen()
    const { policy, zone } = readOptions('interceptor', INTERCEPTOR_CHECKS, given)
    const routes = this.#routes(this.#policiesOf('interceptor', policy), zone)
    const running = new RunningRequests()
    return (dispatch) =>
      takingOlderHandlers(
        (options, handler) => routes.take(options, handler, running) || dispatch(options, handler),
      )
  }

  async fetch(input: RequestInfo, init: RequestInit = {}): Promise<Response> {
    this.#ownDispatcher ??= this.dispatcher()
    return undiciFetch(...inOwnClasses(input, { dispatcher: this.#ownDispatcher, ...init }))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#registrations].map((registration) => registration.deregister()))
    this.#closed.abort()
    await Promise.allSettled(this.#making)
    await Promise.all(this.#background)
    // The time limit of the pools is also that of the requests that the dispatchers wait for.
    const closing = [...this.#dispatchers, ...this.#cores.values()].map((each) => each.close())
    this.#cores.clear()
    const { clock } = this.#services
    const timer = clock.setTimeout(() => {
      for (const dispatcher of this.#dispatchers) dispatcher.cutOffOtherHosts()
    }, this.#policies.of('').drainMs)
    await Promise.all([...closing, ...this.#closingCores])
    clock.clearTimeout(timer)
    for (const policies of [this.#policies, ...this.#ownPolicies]) policies.close()
  }

  /** Remembers a registration while it is being made, so that `close` can wait for its end. */
  async #whileMaking<Metadata>(making: Promise<Registration<Metadata>>): Promise<Registration<Metadata>> {
    this.#making.add(making)
    try {
      return await making
    } finally {
      this.#making.delete(making)
    }
  }

  /** Policies that were given replace those of the discovery. */
  #policiesOf(where: string, policy: PolicySettingsByService | LivePolicy | undefined): Policies {
    if (policy === undefined) return this.#policies
    const policies = new Policies(where, policy, this.#services.reports)
    this.#ownPolicies.add(policies)
    return policies
  }

  #routes(policies: Policies, zone: string | undefined): Routes {
    const own = zone ?? this.#options.zone
    // A caller may ask for any name: what is kept for a service goes with it.
    const targets = new WeakMap<ServiceCore, RouteTarget>()
    return new Routes((service) => {
      this.#assertOpen()
      const core = this.#core(service)
      const policy = policies.of(service)
      const known = targets.get(core)
      const target = known?.isFor(core, policy)
        ? known
        : new RouteTarget({ core, policy, zone: own, accepts })
      if (target !== known) targets.set(core, target)
      return { target, release: core.use() }
    })
  }

  /** The service, opened if it is not. */
  #core(service: string): ServiceCore {
    const known = this.#cores.get(service)
    if (known !== undefined) return known
    if (this.#cores.size >= MOST_IDLE_SERVICES) this.#retireIdle()
    const core: ServiceCore = new ServiceCore(this.#services, service, 'http', () => this.#retire(core))
    this.#cores.set(service, core)
    return core
  }

  /** Closes the service that was opened first of those that nobody uses at the moment. */
  #retireIdle(): void {
    for (const core of this.#cores.values()) {
      if (core.isUsed) continue
      this.#retire(core)
      return
    }
  }

  /** Closes a service that nobody has used for a while. */
  #retire(core: ServiceCore): void {
    if (this.#cores.get(core.service) !== core) return
    this.#cores.delete(core.service)
    const closing = core.close().finally(() => this.#closingCores.delete(closing))
    this.#closingCores.add(closing)
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new DiscoveryError('closed', 'the discovery is closed')
  }
}

/** Go's naming has no namespace, so nobody would notice that both sides look in different places. */
function warnOfNamespace({ namespace }: EtcdClient, prefix: string, reports: Reports): void {
  if (namespace.length === 0) return
  const name = namespace.toString()
  reports.warn(
    `The client has the namespace ${JSON.stringify(name)}, so services are kept below ${name}${prefix}. ` +
      `Clients without it, Go programs among them, look below ${prefix} and do not find them: make one without a namespace.`,
  )
}
