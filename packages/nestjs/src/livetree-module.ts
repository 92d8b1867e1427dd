import { assertLiveConfig } from '@livetree/core/adapter'
import type { LiveConfig } from '@livetree/core'
import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  Inject,
  Logger,
  Module,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common'
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core'
import { type AppModule, assertUnambiguous, wrappersOf } from './app-modules.ts'
import { ChangeHandlers } from './change-handlers.ts'
import { checkAsyncOptions, checkMade, checkRootOptions, refusal } from './check-module-options.ts'
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

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
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
 * - What it has to say goes to the app's logger, unless `load` was given one.
 * - It is closed in `onApplicationShutdown`, after the last request and after the modules that use it.
 *
 * However often it is imported with one configuration, a handler is called once and a request is pinned once.
 */
@Module({})
export class LivetreeModule
  extends ConfigurableModuleClass
  implements NestModule, OnApplicationBootstrap, OnApplicationShutdown
{
  readonly #config: LiveConfig<unknown>
  readonly #settings: Settings
  readonly #modules: ModulesContainer
  readonly #platform: HttpAdapterHost
  readonly #handlers: ChangeHandlers<unknown>
  readonly #detachLogger: () => void

  constructor(
    @Inject(getConfigToken()) config: LiveConfig<unknown>,
    @Inject(SETTINGS) settings: Settings,
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(HttpAdapterHost) platform: HttpAdapterHost,
  ) {
    super()
    assertLiveConfig('LivetreeModule, by the token of its configuration,', config)
    this.#config = config
    this.#settings = settings
    this.#modules = modules
    this.#platform = platform
    this.#handlers = new ChangeHandlers(config)
    const isLogged = [...this.#roots().values()].some((root) => root.#config === config)
    this.#detachLogger = isLogged ? () => {} : config.attachLogger(new Logger('livetree'))
  }

  /** @throws LivetreeError `invalid_options` */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    checkRootOptions(options)
    // biome-ignore lint/complexity/noThisInStatic: the builder makes a module of whatever class it is called on
    return super.forRoot(options)
  }

  /** @throws LivetreeError `invalid_options`; also out of the start of the app, for what the factory gives */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    checkAsyncOptions(options)
    // biome-ignore lint/complexity/noThisInStatic: the builder makes a module of whatever class it is called on
    return super.forRootAsync(options)
  }

  /**
   * Offers sections, for `@InjectConfig(section)`. The module needs the configuration itself: a global `LivetreeModule`, or
   * one it imports.
   */
  static forFeature(...sections: readonly SectionDefinition<unknown, unknown>[]): DynamicModule {
    if (!sections.every((section) => typeof section?.KEY === 'string')) {
      throw refusal('LivetreeModule.forFeature() takes sections, what defineSection() gives')
    }
    const providers = sections.map((section) => sectionProvider(section))
    return { module: LivetreeFeatureModule, providers, exports: sections.map(({ KEY }) => KEY) }
  }

  /** Nest calls this when the platform is there and no middleware and no route is yet. */
  configure(): void {
    if (this.#isFirst((root) => root.#settings.pin)) pinRequests(this.#config, this.#platform)
  }

  onApplicationBootstrap(): void {
    if (!this.#isFirst(() => true)) return
    const configs = new Map([...this.#roots()].map(([module, root]) => [module, root.#config]))
    assertUnambiguous(this.#modules.values(), configs)
    const wrappers = () => wrappersOf(this.#modules.values())
    this.#handlers.subscribe(wrappers(), new Set(configs.values()).size === 1)
    this.#handlers.reportLazy(this.#modules, wrappers)
  }

  async onApplicationShutdown(): Promise<void> {
    this.#handlers.close()
    if (this.#settings.closeOnShutdown) await this.#config.close()
    this.#detachLogger()
  }

  /** The modules of this app that bring a configuration. */
  #roots(): Map<AppModule, LivetreeModule> {
    const roots = new Map<AppModule, LivetreeModule>()
    for (const module of this.#modules.values()) {
      if (module.metatype !== LivetreeModule) continue
      const instance: unknown = module.providers.get(LivetreeModule)?.instance
      // not yet made, in a module that is being loaded lazily
      if (instance instanceof LivetreeModule && #config in instance) roots.set(module, instance)
    }
    return roots
  }

  /** Whether this is the one of those with the same configuration that does what has to be done once. */
  #isFirst(canDoIt: (root: LivetreeModule) => boolean): boolean {
    const isIt = (root: LivetreeModule) => root.#config === this.#config && canDoIt(root)
    return [...this.#roots().values()].find(isIt) === this
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
        useFactory: (made: unknown) => checkMade(made, definition),
      },
      // no alias, of which Nest forgets by which token it was asked for
      ...tokens.slice(1).map((provide) => ({
        provide,
        inject: [tokens[0]!],
        useFactory: (config: unknown) => config,
      })),
      { provide: SETTINGS, useValue: settings },
    ],
    exports: tokens,
  }
}
