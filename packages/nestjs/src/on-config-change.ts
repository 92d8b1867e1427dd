import type { ChangeEvent, WatchOptions } from '@livetree/core'
import { type RegisteredConfig, checkOptions, optionKinds } from '@livetree/core/adapter'
import { isNamed, refusal } from './check-module-options.ts'
import type { DefinedConfig } from './get-config-token.ts'

/** A method that is called when a part of a configuration changes. */
export interface ChangeHandler {
  /** Name of the configuration; undefined means the only one of the app. */
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

/** Keyed by prototype instead of stored on the method, which other decorators may wrap. */
const handlers = new WeakMap<object, ChangeHandler[]>()

/**
 * Calls the method with `(next, previous, change)` when the selected value changes, as `config.watch` does. Calls never
 * overlap and start when all modules are initialized; changes before that are delivered in one call. With
 * `immediate: true` the method is also called once at that point. A method that throws is reported by the configuration's
 * `error` event.
 *
 * The optional first argument is the definition. It is required in an app with several configurations, and types the
 * selector if no configuration is registered by `Register`. The decorator works on instances that live as long as the app
 * (providers, controllers, guards, middleware, …). On request-scoped or transient ones it makes the start of the app fail.
 * In lazily loaded modules the method is not called, which the `error` event reports. A definition that no `LivetreeModule`
 * of the app provides makes the start fail.
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
    const refuse = (what: string) =>
      refusal(`@OnConfigChange on ${placeOf(target, methodName)} ${what}`, ...given)
    if (typeof methodName === 'object')
      throw refuse('needs "experimentalDecorators" in tsconfig.json, as Nest does')
    if (typeof target === 'function')
      throw refuse('is on a static method; only methods of instances are called')
    if (of !== undefined && !isNamed(of)) {
      throw refuse('got an invalid definition; expected one returned by defineConfig()')
    }
    if (typeof selector !== 'function') throw refuse('got no selector; expected a function, (c) => c.mail')
    checkOptions('@OnConfigChange()', options ?? {}, WATCH_OPTIONS)
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

const WATCH_OPTIONS = { immediate: optionKinds.flag, isEqual: optionKinds.callback }

function placeOf(target: object, methodName: string | symbol | object): string {
  if (typeof methodName === 'object') return 'a method'
  const { name } = typeof target === 'function' ? target : target.constructor
  return `${name}.${String(methodName)}`
}

/** The handlers of an instance, including inherited ones. If an override is decorated again, only its decorator counts. */
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
