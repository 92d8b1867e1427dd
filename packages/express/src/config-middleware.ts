import {
  assertLiveConfig,
  checkOptions,
  isLiveConfig,
  optionKinds,
  pinRequest,
  pinRequestAlone,
  type RegisteredConfig,
} from '@livetree/core/adapter'
import { type LiveConfig, LivetreeError } from '@livetree/core'
import type { RequestHandler } from 'express'

declare global {
  namespace Express {
    interface Request {
      /**
       * The configuration pinned to this request, or several by their names; see `configMiddleware`. Typed by `Register`.
       */
      config: RegisteredConfig
    }
  }
}

/** Several configurations, by the names under which `req.config` holds them. */
export type NamedConfigs = Readonly<Record<string, LiveConfig<unknown>>>

/** Options of `configMiddleware`. */
export interface ConfigMiddlewareOptions {
  /**
   * `'async'` pins the snapshot to everything the request starts, where `config.pinned()` returns it. `'request'` fills
   * `req.config` alone, which costs less for each request; `config.pinned()` then returns the newest value, as outside of a
   * request. Default `'async'`.
   */
  readonly pin?: 'async' | 'request' | undefined
}

/**
 * Creates a middleware that pins one snapshot of the configuration to each request: `req.config`, and `config.pinned()` in
 * everything the request starts, across `await`, timers and streams. Mount it before any code that reads the pinned
 * configuration. `config.current` keeps following changes.
 *
 * With several, `configMiddleware({ checkout, platform })`, all of them are pinned and `req.config` holds each by its name:
 * `req.config.platform`. Mount them at once: of two middlewares the one mounted last fills `req.config`.
 *
 * @throws LivetreeError `invalid_options`
 */
export function configMiddleware<T extends RegisteredConfig>(
  config: LiveConfig<T>,
  options?: ConfigMiddlewareOptions,
): RequestHandler
export function configMiddleware(configs: NamedConfigs, options?: ConfigMiddlewareOptions): RequestHandler
export function configMiddleware(
  given: LiveConfig<RegisteredConfig> | NamedConfigs,
  options: ConfigMiddlewareOptions = {},
): RequestHandler {
  if (isNamed(given)) return namedMiddleware(given, options)
  assertLiveConfig('configMiddleware()', given)
  if (pinsRequestAlone(options)) {
    return (request, _response, next) => {
      request.config = pinRequestAlone(given, request).value as RegisteredConfig
      next()
    }
  }
  return (request, response, next) => {
    const snapshot = pinRequest(given, request, response)
    request.config = snapshot.value as RegisteredConfig
    given.runPinned(next, snapshot)
  }
}

/** Whether any part of an object is a configuration: then all have to be. */
function isNamed(given: unknown): given is NamedConfigs {
  if (typeof given !== 'object' || given === null || isLiveConfig(given)) return false
  return Object.values(given).some(isLiveConfig)
}

/** Whether only `req.config` is filled. @throws LivetreeError `invalid_options` */
function pinsRequestAlone(options: ConfigMiddlewareOptions): boolean {
  checkOptions('configMiddleware()', options, { pin: optionKinds.oneOf('async', 'request') })
  return options.pin === 'request'
}

function namedMiddleware(given: NamedConfigs, options: ConfigMiddlewareOptions): RequestHandler {
  const configs = Object.entries(given)
  for (const [name, config] of configs) assertLiveConfig(`configMiddleware(), for "${name}",`, config)
  const twin = configs.find(([, config], at) => configs.findIndex(([, other]) => other === config) < at)
  if (twin !== undefined) {
    const message = `configMiddleware() got one configuration under two names, "${twin[0]}" the second: give each its own.`
    throw new LivetreeError('invalid_options', message)
  }
  const isAlone = pinsRequestAlone(options)
  return (request, response, next) => {
    const pins = configs.map(([name, config]) => ({
      name,
      config,
      snapshot: isAlone ? pinRequestAlone(config, request) : pinRequest(config, request, response),
    }))
    const values = pins.map(({ name, snapshot }) => [name, snapshot.value] as const)
    request.config = Object.freeze(Object.fromEntries(values)) as RegisteredConfig
    if (isAlone) return next()
    const run = pins.reduceRight(
      (inner, { config, snapshot }) =>
        () =>
          void config.runPinned(inner, snapshot),
      () => next(),
    )
    run()
  }
}
