import { LivetreeError } from './errors.ts'
import { isPromise } from './callback.ts'
import { isObject } from './option-kinds.ts'
import type { LiveConfig } from './live-config.ts'

const METHODS = ['watch', 'on', 'snapshot', 'pinned', 'runPinned', 'close'] as const

/**
 * For adapters: refuses what people give in the place of a loaded configuration, by its name. Asks for the methods and not
 * for the class, since an app may have two copies of this package.
 *
 * @param call where it was given, such as `configMiddleware()`
 * @throws LivetreeError `invalid_options`
 */
export function assertLiveConfig(call: string, given: unknown): asserts given is LiveConfig<unknown> {
  if (!isLiveConfig(given)) throw new LivetreeError('invalid_options', `${call} ${describeMistake(given)}.`)
}

/** Whether this is what `load` or `createTestConfig` gives. */
export function isLiveConfig(given: unknown): given is LiveConfig<unknown> {
  return isObject(given) && METHODS.every((method) => typeof given[method] === 'function')
}

function describeMistake(given: unknown): string {
  const expected = 'expected a loaded configuration, what load() or createTestConfig() gives'
  if (given === undefined || given === null)
    return `got nothing in the place of the configuration; ${expected}`
  if (isPromise(given))
    return 'got a promise: forgot await? Write await checkout.load() and give what comes of it'
  if (isObject(given) && typeof given['load'] === 'function' && typeof given['name'] === 'string') {
    return `got the definition "${given['name']}" and not a configuration: call load() on it, with await (in tests createTestConfig())`
  }
  return `got ${kindOfValue(given)}; ${expected}`
}

/** What kind of thing a value is, without what is in it: for messages. */
export function kindOfValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (isPromise(value)) return 'a promise'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return 'a text'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
