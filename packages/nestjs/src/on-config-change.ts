import type { ChangeEvent, WatchOptions } from '@livetree/core'
import { type RegisteredConfig, checkOptions, optionKinds } from '@livetree/core/adapter'
import { isNamed, refusal } from './check-module-options.ts'
import type { DefinedConfig } from './get-config-token.ts'

/** A method to be called when a part of a configuration changes. */
export interface ChangeHandler {
  /** Of the configuration; undefined: the only one there is. */
  readonly configName: string | undefined
  readonly className: string
  readonly methodName: string | symbol
  readonly selector: (config: unknown) => unknown
  readonly options: WatchOptions<unknown>
}

type Watches<T, S, P> = <M extends (next: S, previous: P, change: ChangeEvent<T>) => unknown>(
  target: object,
  methodName: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void

type WatchesAtOnce<T, S> = <
  M extends (next: S, previous: S | undefined, change: ChangeEvent<T> | undefined) => unknown,
>(
  target: object,
  methodName: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void

type AtOnce<S> = WatchOptions<S> & { readonly immediate: true }
type Later<S> = Omit<WatchOptions<S>, 'immediate'>

/** By prototype, and not on the method, which other decorators may wrap. */
const handlers = new WeakMap<object, ChangeHandler[]>()

/**
 * Calls the method when what `selector` gives is another, as `config.watch` does: `(next, previous, change)`, one call
 * at a time, never before all modules are initialized; what changed until then is told in one call. With
 * `immediate: true` also once at the start. A method that throws is reported by the configuration's event `error`.
 *
 * The first argument is the definition, for an app with several configurations, and for the types of the selector where
 * none is registered. For whatever lives as long as the app (providers, controllers, guards, middleware, …); on others the
 * app does not start, and in modules that are loaded lazily it is not called, which the event `error` says.
 *
 * @throws LivetreeError `invalid_options`
 */
export function OnConfigChange<T, S>(
  of: DefinedConfig<T>,
  selector: (config: T) => S,
  options: AtOnce<S>,
): WatchesAtOnce<T, S>
export function OnConfigChange<T, S>(
  of: DefinedConfig<T>,
  selector: (config: T) => S,
  options?: Later<S>,
): Watches<T, S, S>
export function OnConfigChange<S>(
  selector: (config: RegisteredConfig) => S,
  options: AtOnce<S>,
): WatchesAtOnce<RegisteredConfig, S>
export function OnConfigChange<S>(
  selector: (config: RegisteredConfig) => S,
  options?: Later<S>,
): Watches<RegisteredConfig, S, S>
export function OnConfigChange(...given: readonly unknown[]): MethodDecorator {
  const [of, selector, options] = typeof given[0] === 'function' ? [undefined, ...given] : given
  return (target, methodName) => {
    const refuse = (what: string) => refusal(`@OnConfigChange on ${placeOf(target, methodName)} ${what}`)
    if (typeof methodName === 'object')
      throw refuse('needs "experimentalDecorators" in tsconfig.json, as Nest does')
    if (typeof target === 'function')
      throw refuse('is on a static method; only methods of instances are called')
    if (of !== undefined && !isNamed(of)) {
      throw refuse('got something else in the place of the definition, which defineConfig() gives')
    }
    if (typeof selector !== 'function') throw refuse('got no selector; expected a function, (c) => c.mail')
    checkOptions('@OnConfigChange()', options ?? {}, watchOptions)
    const handler = {
      configName: (of as DefinedConfig<unknown> | undefined)?.name,
      className: target.constructor.name,
      methodName,
      selector: selector as ChangeHandler['selector'],
      options: (options ?? {}) as WatchOptions<unknown>,
    }
    const own = handlers.get(target)
    if (own === undefined) handlers.set(target, [handler])
    else own.push(handler)
  }
}

const watchOptions = { immediate: optionKinds.flag, isEqual: optionKinds.callback }

function placeOf(target: object, methodName: string | symbol | object): string {
  if (typeof methodName === 'object') return 'a method'
  const { name } = typeof target === 'function' ? target : target.constructor
  return `${name}.${String(methodName)}`
}

/** The handlers of an instance, inherited ones included; a method that is decorated again is told by that alone. */
export function changeHandlersOf(instance: object): ChangeHandler[] {
  const found: ChangeHandler[] = []
  for (
    let from: object | null = Object.getPrototypeOf(instance);
    from !== null;
    from = Object.getPrototypeOf(from) as object | null
  ) {
    const known = new Set(found.map(({ methodName }) => methodName))
    found.push(...(handlers.get(from) ?? []).filter(({ methodName }) => !known.has(methodName)))
  }
  return found
}
