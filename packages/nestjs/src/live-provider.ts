import { checkOptions, optionKinds, type RegisteredConfig } from '@livetree/core/adapter'
import type { LiveConfig, Resource, ResourceOptions } from '@livetree/core'
import type { FactoryProvider, InjectionToken } from '@nestjs/common'
import { isNamed, refusal } from './check-module-options.ts'
import { type DefinedConfig, getConfigToken } from './get-config-token.ts'

/** Options of `liveProvider`: `ResourceOptions` of core, with the configuration and the part to build from. */
export interface LiveProviderOptions<T, S, R> extends ResourceOptions<S, R> {
  /** The configuration to build from. Default: that of the nearest `LivetreeModule`, typed by `Register`. */
  readonly of?: DefinedConfig<T>
  /** Selects the part to build from. The instance is rebuilt when this part changes. */
  readonly select: (config: T) => S
}

const { callback, milliseconds } = optionKinds
const OPTION_TABLE = {
  of: { expected: 'a definition returned by defineConfig()', test: isNamed },
  select: callback,
  name: optionKinds.name,
  create: callback,
  check: callback,
  dispose: callback,
  drainMs: milliseconds,
  jitterMs: milliseconds,
  isEqual: callback,
}

/**
 * Creates a provider whose instance (a pool, a client, a rate limiter) is replaced while the app runs. It injects a
 * `Resource`:
 *
 * ```ts
 * providers: [liveProvider(POOL, { of: checkout, select: (c) => c.db, create: (db) => openPool(db), dispose: (pool) => pool.end() })]
 * constructor(@Inject(POOL) readonly pool: Resource<Pool>)
 * await this.pool.use((pool) => pool.query('select 1'))
 * ```
 *
 * The app does not start if the first build fails. The resource closes with the configuration, after the last request.
 *
 * @throws LivetreeError `invalid_options`
 */
export function liveProvider<S, R, T = RegisteredConfig>(
  token: InjectionToken,
  options: LiveProviderOptions<T, S, R>,
): FactoryProvider<Promise<Resource<R>>> {
  if (token === undefined || token === null) throw refusal('liveProvider() got no injection token')
  checkOptions('liveProvider()', options, OPTION_TABLE)
  const { of, select, ...resource } = options
  if (select === undefined || resource.create === undefined) {
    throw refusal('liveProvider() needs select and create, each a function')
  }
  const name = resource.name ?? nameOf(token)
  return {
    provide: token,
    inject: [getConfigToken(of)],
    useFactory: (config: LiveConfig<T>) => config.resource(select, { ...resource, name }),
  }
}

function nameOf(token: InjectionToken): string {
  return typeof token === 'function'
    ? token.name
    : typeof token === 'symbol'
      ? (token.description ?? 'symbol')
      : String(token)
}
