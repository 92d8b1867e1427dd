import { assertLiveConfig } from '@livetree/core/adapter'
import { type LiveConfig, LivetreeError, type Snapshot } from '@livetree/core'
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
import { type AppModule, assertUnambiguous, isLoadedLazily, wrappersOf } from './app-modules.ts'
import { ChangeHandlers } from './change-handlers.ts'
import { checkAsyncOptions, checkMade, checkRootOptions, refusal } from './check-module-options.ts'
import { type SectionDefinition, sectionProvider } from './define-section.ts'
import { getConfigToken, type Injected } from './get-config-token.ts'
import { pinRequests } from './pin-requests.ts'
import { StartupRecord } from './startup-record.ts'

/** Options of `forRoot`, and the result of the factory of `forRootAsync`. */
export interface LivetreeModuleOptions {
  /** The configuration returned by `load` or `createTestConfig`. */
  readonly config: LiveConfig<unknown>
}

/** The interface of a factory class for `forRootAsync({ useClass })`. */
export interface LivetreeOptionsFactory {
  createLivetreeOptions(): LivetreeModuleOptions | Promise<LivetreeModuleOptions>
}

/** Options of `forRoot` and `forRootAsync` besides the configuration itself. */
export interface LivetreeModuleExtras {
  /** Whether to provide the configuration to all modules. Default false: only to modules that import this one. */
  readonly isGlobal?: boolean
  /** Whether to pin one snapshot to each HTTP request. Default true. */
  readonly pin?: boolean
  /** Whether to close the configuration in `onApplicationShutdown`, after the last request. Default true. */
  readonly closeOnShutdown?: boolean
  /** For `forRootAsync`: the definition it loads, which `@InjectConfig(definition)` requires. `forRoot` infers it. */
  readonly definition?: Injected | undefined
}

const SETTINGS = 'livetree:settings'
/** Token of the `StartupRecord`, through which the configuration is provided. */
const RECORD = 'livetree:startup-record'

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
 * The token of the module's `{ config }`, passed to `forRoot` or returned by the factory of `forRootAsync`. For tests:
 * `.overrideProvider(LIVETREE_MODULE_OPTIONS).useValue({ config })`. The factory then does not run.
 */
export const LIVETREE_MODULE_OPTIONS: string | symbol = MODULE_OPTIONS_TOKEN

/** The module in which `forFeature` provides sections. */
class LivetreeFeatureModule {}
Module({})(LivetreeFeatureModule)

/**
 * Provides a live configuration to a Nest app:
 *
 * - `forRoot({ config })` takes one that `main.ts` loads before it creates the app, so that decorators can use it too;
 *   `forRootAsync({ imports, inject, useFactory | useClass | useExisting })` lets Nest load it.
 * - `@InjectConfig()`, or `getConfigToken(definition)`, injects it; `@OnConfigChange` methods are called when it changes.
 * - Every HTTP request is pinned to one snapshot, `config.pinned()`, on Express and on Fastify, without request scope.
 * - It logs to the app's logger, unless `load` was given one.
 * - It is closed in `onApplicationShutdown`, after the last request and after the modules that use it; one that is loaded
 *   lazily with the first other one.
 *
 * If the module is imported several times with the same configuration, handlers are still called once and requests pinned
 * once.
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
  readonly #record: StartupRecord<unknown>
  readonly #detachLogger: () => void
  /** Nest calls no hook of it. */
  readonly #isLazy: boolean
  #isStarted = false

  constructor(
    @Inject(getConfigToken()) config: LiveConfig<unknown>,
    @Inject(RECORD) record: StartupRecord<unknown>,
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
    const twins = [...this.#roots().values()].filter((root) => root.#config === config)
    this.#record = record.config === config ? record : new StartupRecord(config)
    if (this.#record !== record) record.stop()
    // In a module that is loaded lazily, nothing reads the record.
    if (twins.some((root) => root.#isStarted)) this.#record.stop()
    const isLogged = twins.length > 0
    this.#detachLogger = isLogged ? () => {} : config.attachLogger(new Logger('livetree'))
    const isLate = [...this.#roots().values()].some((root) => root.#isStarted)
    this.#isLazy = isLate || isLoadedLazily(modules.values(), LivetreeModule)
    if (this.#isLazy && twins.length === 0) this.#beginLazily()
  }

  /** Provides a loaded configuration. @throws LivetreeError `invalid_options` */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    checkRootOptions(options)
    // biome-ignore lint/complexity/noThisInStatic: the builder makes a module of whatever class it is called on
    return super.forRoot(options)
  }

  /**
   * Provides a configuration that a factory loads.
   *
   * @throws LivetreeError `invalid_options`. An invalid result of the factory makes the start of the app reject with it.
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    checkAsyncOptions(options)
    // biome-ignore lint/complexity/noThisInStatic: the builder makes a module of whatever class it is called on
    return super.forRootAsync(options)
  }

  /**
   * Provides sections for `@InjectConfig(section)`. The configuration itself must be available: import a `LivetreeModule`,
   * or make it global.
   *
   * @throws LivetreeError `invalid_options`
   */
  static forFeature(...sections: readonly SectionDefinition<unknown, unknown>[]): DynamicModule {
    if (!sections.every((section) => typeof section?.KEY === 'string')) {
      throw refusal(
        'LivetreeModule.forFeature() expects sections, as returned by defineSection()',
        ...sections,
      )
    }
    const providers = sections.map((section) => sectionProvider(section))
    return { module: LivetreeFeatureModule, providers, exports: sections.map(({ KEY }) => KEY) }
  }

  /** Nest calls this when the HTTP platform exists but no middleware or route is registered yet. */
  configure(): void {
    if (this.#isFirst((root) => root.#settings.pin)) pinRequests(this.#config, this.#platform)
  }

  onApplicationBootstrap(): void {
    this.#isStarted = true
    if (!this.#isFirst(() => true)) return
    const configs = new Map([...this.#roots()].map(([module, root]) => [module, root.#config]))
    assertUnambiguous(this.#modules.values(), configs)
    const names = new Set(Array.from(configs.values(), ({ name }) => name))
    this.#handlers.subscribe(wrappersOf(this.#modules.values()), names, this.#takeStates())
    this.#reportLazy(false)
  }

  async onApplicationShutdown(): Promise<void> {
    const lazy = [...this.#roots().values()].filter((root) => root.#isLazy)
    await Promise.all([this, ...lazy].map((root) => root.#end()))
  }

  /** Another module has to close the configuration, since Nest calls no hook of this one. */
  #beginLazily(): void {
    this.#record.stop()
    this.#reportLazy(true)
    const isClosed = [...this.#roots().values()].some((root) => !root.#isLazy)
    if (!isClosed && this.#settings.closeOnShutdown) this.#config.report(notClosed(this.#config.name))
  }

  #reportLazy(isLazy: boolean): void {
    const isOnly = () => new Set(Array.from(this.#roots().values(), (root) => root.#config)).size === 1
    this.#handlers.reportLazy(this.#modules, () => wrappersOf(this.#modules.values()), { isOnly, isLazy })
  }

  async #end(): Promise<void> {
    this.#record.stop()
    this.#handlers.close()
    if (this.#settings.closeOnShutdown) await this.#config.close()
    this.#detachLogger()
  }

  /** The states since any module has provided this configuration. Ends the recording. */
  #takeStates(): readonly Snapshot<unknown>[] {
    const records = [...this.#roots().values()]
      .filter((root) => root.#config === this.#config)
      .map((root) => root.#record)
    for (const record of records) record.stop()
    const since = ({ states }: StartupRecord<unknown>) => states[0].version
    return records.reduce((one, other) => (since(other) < since(one) ? other : one)).states
  }

  /** The modules of this app that provide a configuration. */
  #roots(): Map<AppModule, LivetreeModule> {
    const roots = new Map<AppModule, LivetreeModule>()
    for (const module of this.#modules.values()) {
      if (module.metatype !== LivetreeModule) continue
      const instance: unknown = module.providers.get(LivetreeModule)?.instance
      // In a module that is being loaded lazily, the instance may not be constructed yet.
      if (instance instanceof LivetreeModule && #config in instance) roots.set(module, instance)
    }
    return roots
  }

  /** Whether this is the first module with this configuration, which does what must be done once. */
  #isFirst(canDoIt: (root: LivetreeModule) => boolean): boolean {
    const isIt = (root: LivetreeModule) => root.#config === this.#config && canDoIt(root)
    return [...this.#roots().values()].find(isIt) === this
  }
}

function notClosed(name: string): LivetreeError {
  return new LivetreeError(
    'invalid_options',
    `Configuration "${name}" is not closed with the app: its LivetreeModule was loaded lazily, and Nest calls no hook for that. Call config.close() at shutdown, or import a LivetreeModule in the app itself.`,
  )
}

interface Settings {
  readonly pin: boolean
  readonly closeOnShutdown: boolean
}

/** Completes the dynamic module that Nest's builder has created from the options. */
function describe(
  module: DynamicModule,
  options: LivetreeModuleExtras & Partial<LivetreeModuleOptions>,
): DynamicModule {
  const { isGlobal = false, pin = true, closeOnShutdown = true, definition, config } = options
  const settings: Settings = { pin, closeOnShutdown }
  const named = definition ?? config
  const anyName = getConfigToken()
  const token = named === undefined ? anyName : getConfigToken(named)
  const aliases = named === undefined ? [] : [anyName]
  return {
    ...module,
    global: isGlobal,
    providers: [
      ...(module.providers ?? []),
      {
        provide: RECORD,
        inject: [MODULE_OPTIONS_TOKEN],
        useFactory: (made: unknown) => new StartupRecord(checkMade(made, definition)),
      },
      {
        provide: token,
        inject: [RECORD],
        useFactory: (record: StartupRecord<unknown>) => record.config,
      },
      // A factory instead of `useExisting`: for an alias, Nest does not keep the token it was requested by.
      ...aliases.map((provide) => ({
        provide,
        inject: [token],
        useFactory: (config: unknown) => config,
      })),
      { provide: SETTINGS, useValue: settings },
    ],
    exports: [token, ...aliases],
  }
}
