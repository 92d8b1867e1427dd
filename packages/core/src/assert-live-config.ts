import { LivetreeError } from './errors.ts'
import { disown } from './callback.ts'
import { isPromise } from './promises-in.ts'
import { kindOfValue } from './kind-of-value.ts'
import { isObject } from './option-kinds.ts'
import type { LiveConfig } from './live-config.ts'

const METHODS = ['watch', 'on', 'snapshot', 'pinned', 'runPinned', 'close'] as const

/**
 * For adapters: throws unless `given` is a loaded configuration; the message names what was passed instead. Checks methods
 * instead of the class, because an application may contain two copies of this package.
 *
 * @param call the call that received it, such as `configMiddleware()`
 * @throws LivetreeError `invalid_options`
 */
export function assertLiveConfig(call: string, given: unknown): asserts given is LiveConfig<unknown> {
  if (isLiveConfig(given)) return
  disown(given)
  throw new LivetreeError('invalid_options', `${call} ${describeMistake(given)}.`)
}

/**
 * For adapters: the configuration in the options `{ config }` of a call. The message of a refusal names what was passed
 * instead of either.
 *
 * @throws LivetreeError `invalid_options`
 */
export function configIn(call: string, options: unknown): LiveConfig<unknown> {
  const refuse = (what: string) => {
    disown(options)
    return new LivetreeError('invalid_options', `${call} got ${what}; expected an object, { config }.`)
  }
  if (isLiveConfig(options)) throw refuse('a configuration')
  const given = options as Partial<Record<string, unknown>> | null | undefined
  const config = given?.['config']
  if (config === undefined && given !== undefined && given !== null) {
    if (isPromise(given) || typeof given['load'] === 'function') assertLiveConfig(call, given)
    else if (!isObject(given)) throw refuse(kindOfValue(given))
    else if (Object.keys(given).length > 0 && !Object.hasOwn(given, 'config'))
      throw refuse(Array.isArray(given) ? 'a list' : 'an object without config')
  }
  assertLiveConfig(call, config)
  return config
}

/** Whether the value has the methods of a configuration returned by `load` or `createTestConfig`. */
export function isLiveConfig(given: unknown): given is LiveConfig<unknown> {
  return isObject(given) && METHODS.every((method) => typeof given[method] === 'function')
}

function describeMistake(given: unknown): string {
  const expected = 'expected a loaded configuration, as returned by load() or createTestConfig()'
  if (given === undefined || given === null) return `got no configuration; ${expected}`
  if (isPromise(given)) return 'got a promise: forgot await? Pass the result of await checkout.load()'
  if (isObject(given) && typeof given['load'] === 'function' && typeof given['name'] === 'string') {
    return `got the definition "${given['name']}" and not a configuration: call load() on it, with await (in tests createTestConfig())`
  }
  return `got ${kindOfValue(given)}; ${expected}`
}
