import type { Dispatcher, RequestInfo, RequestInit, Response } from 'undici'
import type { LivePolicy } from './balance/live-policy.ts'
import type { PolicySettingsByService } from './balance/policy.ts'
import type { ServiceDefinition } from './define-service.ts'
import type { Registration } from './registration/registration-contract.ts'
import type { RegisterOptions } from './registration/registration-options.ts'
import type { ServiceView } from './service-view.ts'

/** Options of `openService`. */
export interface OpenServiceOptions {
  /** How long to wait for the first list. Default: that of the discovery. */
  readonly startupTimeoutMs?: number
  readonly signal?: AbortSignal
}

/** Options of `dispatcher` and `interceptor`. */
export interface DispatcherOptions {
  /** Replaces the policy of the discovery. */
  readonly policy?: PolicySettingsByService | LivePolicy
  /** Replaces the zone of the discovery. */
  readonly zone?: string
  /** For all hosts that are no services. Default: an `Agent` of the dispatcher's own. */
  readonly fallback?: Dispatcher
}

/** Finds services, and makes an instance of one found. One per process. */
export interface Discovery extends AsyncDisposable {
  /**
   * Registers an instance: waits until its server listens and it is ready, and keeps it registered until it is deregistered.
   *
   * @throws DiscoveryError `invalid_option`, `unreachable_address`, `not_registered`, `cancelled`, `closed`
   */
  register<Metadata = unknown>(options: RegisterOptions<Metadata>): Promise<Registration<Metadata>>
  /**
   * Opens the view of a service. Resolves with its first list, or without one after `startupTimeoutMs`: the view is then
   * stale and empty until etcd is there.
   *
   * @throws DiscoveryError `invalid_option`, `cancelled`, `closed`
   */
  openService<Metadata = unknown>(
    service: string | ServiceDefinition<unknown, Metadata>,
    options?: OpenServiceOptions,
  ): Promise<ServiceView<Metadata>>
  /**
   * An undici dispatcher for `http://<name>.service`. Its owner closes it, or `close()` of the discovery does.
   *
   * @throws DiscoveryError `invalid_option`, `closed`
   */
  dispatcher(options?: DispatcherOptions): Dispatcher
  /**
   * The same as an interceptor: `new Agent().compose(discovery.interceptor())`.
   *
   * @throws DiscoveryError `invalid_option`, `closed`
   */
  interceptor(options?: Omit<DispatcherOptions, 'fallback'>): Dispatcher.DispatcherComposeInterceptor
  /** undici's `fetch` with a dispatcher of this discovery. Takes the `Request` and the `FormData` of Node, too. */
  fetch(input: RequestInfo, init?: RequestInit): Promise<Response>
  /**
   * Deregisters every instance, closes every view and dispatcher, and every connection once its requests have ended. The
   * client stays open. Idempotent.
   */
  close(): Promise<void>
}
