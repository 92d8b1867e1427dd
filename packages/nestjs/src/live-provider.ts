import { checkOptions, optionKinds, type RegisteredConfig } from '@livetree/core/adapter'
import type { LiveConfig, Resource, ResourceOptions } from '@livetree/core'
import type { FactoryProvider, InjectionToken } from '@nestjs/common'
import { isNamed, refusal } from './check-module-options.ts'
import { type DefinedConfig, getConfigToken } from './get-config-token.ts'

/** How something is built from a part of the configuration; see `ResourceOptions` of core. */
export interface LiveProviderOptions<T, S, R> extends ResourceOptions<S, R> {
  /** The configuration it is built from. Default: that of the nearest `LivetreeModule`, typed by `Register`. */
  readonly of?: DefinedConfig<T>
  /** The part it is built from; it is built anew when this changes. */
  readonly select: (config: T) => S
}

const { callback, milliseconds } = optionKinds
const table = {
  of: { expected: 'what defineConfig() gives', test: isNamed },
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
 * A provider that is replaced while the app runs: a pool, a client, a rate limiter. What is injected is a `Resource`:
 *
 * ```ts
 * providers: [liveProvider(POOL, { of: checkout, select: (c) => c.db, create: (db) => openPool(db), dispose: (pool) => pool.end() })]
 * constructor(@Inject(POOL) readonly pool: Resource<Pool>)
 * await this.pool.use((pool) => pool.query('select 1'))
 * ```
 *
 * The app does not start when the first build fails. Closes with the configuration, which is after the last request.
 *
 * @throws LivetreeError `invalid_options`
 */
export function liveProvider<S, R, T = RegisteredConfig>(
  token: InjectionToken,
  options: LiveProviderOptions<T, S, R>,
): FactoryProvider<Promise<Resource<R>>> {
  if (token === undefined || token === null) throw refusal('liveProvider() got no token to be injected by')
  checkOptions('liveProvider()', options, table)
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
