import type { Server } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import {
  assertAdapterOptions,
  assertRegisterOptions,
  type Discovery,
  type RegisterOptions,
  type Registration,
  type ServiceDefinition,
  type ServiceView,
} from '@livetree/discovery'
import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common'
import { HttpAdapterHost, ModuleRef } from '@nestjs/core'
import { getServiceToken } from './inject-service.ts'

/** Options of `DiscoveryModule.forRoot`. */
export interface DiscoveryModuleOptions {
  /** What `createDiscovery` returned. Its owner closes it. */
  readonly discovery: Discovery
  /** Registers the app's HTTP server with these options once it listens. Default: the app only consumes. */
  readonly register?: Omit<RegisterOptions, 'server' | 'signal'>
  /** Services whose views are opened before the app starts, for `@InjectService`. Default none. */
  readonly services?: readonly (string | ServiceDefinition)[]
  /** Milliseconds for which the app goes on serving after it was deregistered. Default 1,000. */
  readonly propagationMs?: number
}

const OPTIONS = 'livetree:discovery-options'

/**
 * Registers a Nest app, on Express or on Fastify, and injects views of services. With `app.enableShutdownHooks()` or
 * `app.close()` the app is deregistered and serves on for `propagationMs` before Nest closes its server.
 */
export class DiscoveryModule
  implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #options: DiscoveryModuleOptions
  readonly #host: HttpAdapterHost
  readonly #modules: ModuleRef
  readonly #logger = new Logger(DiscoveryModule.name)
  #registering: Promise<Registration | undefined> | undefined
  readonly #stop = new AbortController()

  constructor(options: DiscoveryModuleOptions, host: HttpAdapterHost, modules: ModuleRef) {
    this.#options = options
    this.#host = host
    this.#modules = modules
  }

  /**
   * The module with these options, for all modules of the app.
   *
   * @throws DiscoveryError `invalid_option`
   */
  static forRoot(options: DiscoveryModuleOptions): DynamicModule {
    const names = ['discovery', 'register', 'services', 'propagationMs'] as const
    assertAdapterOptions('DiscoveryModule.forRoot', names, options)
    const { discovery, register, services = [] } = options
    if (register !== undefined) assertRegisterOptions(register)
    const views = services.map((service) => ({
      provide: getServiceToken(service),
      useFactory: () => discovery.openService(service),
    }))
    return {
      module: DiscoveryModule,
      global: true,
      providers: [{ provide: OPTIONS, useValue: options }, ...views],
      exports: views.map(({ provide }) => provide),
    }
  }

  /** Nest calls it before the server listens, so the registration goes on by itself. */
  onApplicationBootstrap(): void {
    const { discovery, register } = this.#options
    const server: Server | undefined = this.#host.httpAdapter?.getHttpServer()
    if (register === undefined || server === undefined) return
    const { signal } = this.#stop
    this.#registering = discovery
      .register({ onUnavailable: 'retry', ...register, server, signal })
      .catch((error: unknown) => {
        if (!signal.aborted) this.#logger.error('The app could not be registered', error)
        return undefined
      })
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort()
    const registration = await this.#registering
    if (registration === undefined) return
    await registration.deregister()
    await pause(this.#options.propagationMs ?? 1_000)
  }

  async onApplicationShutdown(): Promise<void> {
    const { services = [] } = this.#options
    const views = services.map((service) => this.#modules.get<ServiceView>(getServiceToken(service)))
    await Promise.all(views.map((view) => view.close()))
  }
}
Module({})(DiscoveryModule)
Inject(OPTIONS)(DiscoveryModule, undefined, 0)
Inject(HttpAdapterHost)(DiscoveryModule, undefined, 1)
Inject(ModuleRef)(DiscoveryModule, undefined, 2)
