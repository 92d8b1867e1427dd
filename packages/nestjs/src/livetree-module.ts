import type { LiveConfig } from '@livetree/core'
import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  Inject,
  Module,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common'
import { DiscoveryModule, DiscoveryService, HttpAdapterHost } from '@nestjs/core'
import { ChangeHandlers } from './change-handlers.ts'
import { type SectionDefinition, sectionProvider } from './define-section.ts'
import { getConfigToken, type Injected } from './get-config-token.ts'
import { pinRequests } from './pin-requests.ts'

/** What `forRoot` takes, and what the factory of `forRootAsync` gives. */
export interface LivetreeModuleOptions {
  /** What `load` or `createTestConfig` gave. Its methods stay its own, as it is passed under a key. */
  readonly config: LiveConfig<unknown>
}

/** What a factory class of `forRootAsync({ useClass })` implements. */
export interface LivetreeOptionsFactory {
  createLivetreeOptions(): LivetreeModuleOptions | Promise<LivetreeModuleOptions>
}

export interface LivetreeModuleExtras {
  /** Offer the configuration to all modules, as most apps want it. Default false: to those that import this one. */
  readonly isGlobal?: boolean
  /** Pin one snapshot to each HTTP request. Default true. */
  readonly pin?: boolean
  /** Close the configuration in `onApplicationShutdown`, after the last request. Default true. */
  readonly closeOnShutdown?: boolean
  /** The definition, where `forRootAsync` loads it: makes `@InjectConfig(definition)` work. `forRoot` knows it by itself. */
  readonly definition?: Injected | undefined
}

const SETTINGS = 'livetree:settings'

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<LivetreeModuleOptions>({ moduleName: 'Livetree' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createLivetreeOptions')
    .setExtras<LivetreeModuleExtras>(
      { isGlobal: false, pin: true, closeOnShutdown: true, definition: undefined },
      describe,
    )
    .build()

/**
 * The token of what `forRoot` was given or the factory of `forRootAsync` gives, for tests:
 * `.overrideProvider(LIVETREE_MODULE_OPTIONS).useValue({ config })`. The factory then does not run.
 */
export const LIVETREE_MODULE_OPTIONS: string | symbol = MODULE_OPTIONS_TOKEN

/** A module for which `forFeature` offers sections. */
class LivetreeFeatureModule {}
Module({})(LivetreeFeatureModule)

/**
 * Brings a live configuration into Nest:
 *
 * - `forRoot({ config })` takes one that `main.ts` has loaded before Nest exists, so that decorators can use it too;
 *   `forRootAsync({ imports, inject, useFactory | useClass | useExisting })` one that Nest loads.
 * - `@InjectConfig()`, or `getConfigToken(definition)`, gives it; `@OnConfigChange` methods are called by it.
 * - Every HTTP request is pinned to one snapshot: `config.pinned()`, on Express and on Fastify, never request scope.
 * - It is closed in `onApplicationShutdown`, after the last request and after the modules that use it.
 */
@Module({ imports: [DiscoveryModule] })
export class LivetreeModule
  extends ConfigurableModuleClass
  implements NestModule, OnApplicationBootstrap, OnApplicationShutdown
{
  readonly #config: LiveConfig<unknown>
  readonly #settings: Settings
  readonly #discovery: DiscoveryService
  readonly #platform: HttpAdapterHost
  readonly #handlers: ChangeHandlers<unknown>

  constructor(
    @Inject(getConfigToken()) config: LiveConfig<unknown>,
    @Inject(SETTINGS) settings: Settings,
    @Inject(DiscoveryService) discovery: DiscoveryService,
    @Inject(HttpAdapterHost) platform: HttpAdapterHost,
  ) {
    super()
    this.#config = config
    this.#settings = settings
    this.#discovery = discovery
    this.#platform = platform
    this.#handlers = new ChangeHandlers(config)
  }

  /**
   * Offers sections, for `@InjectConfig(section)`. The module needs the configuration itself: a global `LivetreeModule`, or
   * one it imports.
   */
  static forFeature(...sections: readonly SectionDefinition<unknown, unknown>[]): DynamicModule {
    const providers = sections.map((section) => sectionProvider(section))
    return { module: LivetreeFeatureModule, providers, exports: sections.map(({ KEY }) => KEY) }
  }

  /** Nest calls this when the platform is there and no middleware and no route is yet. */
  configure(): void {
    if (this.#settings.pin) pinRequests(this.#config, this.#platform)
  }

  onApplicationBootstrap(): void {
    const wrappers = [...this.#discovery.getProviders(), ...this.#discovery.getControllers()]
    const roots = wrappers.filter(({ metatype }) => metatype === LivetreeModule)
    this.#handlers.subscribe(wrappers, roots.length === 1)
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.#settings.closeOnShutdown) await this.#config.close()
  }
}

interface Settings {
  readonly pin: boolean
  readonly closeOnShutdown: boolean
}

/** The definition of the module, out of what the builder has made of the options. */
function describe(
  module: DynamicModule,
  options: LivetreeModuleExtras & Partial<LivetreeModuleOptions>,
): DynamicModule {
  const { isGlobal = false, pin = true, closeOnShutdown = true, definition, config } = options
  const settings: Settings = { pin, closeOnShutdown }
  const named = definition ?? config
  const tokens = named === undefined ? [getConfigToken()] : [getConfigToken(named), getConfigToken()]
  return {
    ...module,
    global: isGlobal,
    providers: [
      ...(module.providers ?? []),
      {
        provide: tokens[0]!,
        inject: [MODULE_OPTIONS_TOKEN],
        useFactory: ({ config }: LivetreeModuleOptions) => config,
      },
      ...tokens.slice(1).map((provide) => ({ provide, useExisting: tokens[0]! })),
      { provide: SETTINGS, useValue: settings },
    ],
    exports: tokens,
  }
}
