import { borrowForResponse, type LiveConfig, type LiveOptions, live as liveValue } from '@livetree/core'
import type { RequestHandler } from 'express'

/** A middleware that stays the same while the one inside it is replaced. */
export interface LiveMiddleware extends RequestHandler {
  /** Stops following the configuration. Resolves when the last request that used it is over and all are disposed. */
  close(): Promise<void>
}

/**
 * A stable middleware over one that is made anew when its part of the configuration changes:
 * `app.use(live(config, (c) => c.limits, (limits) => rateLimit(limits)))`. A request stays with the one it came to; an
 * old one is disposed after its last request. A factory that throws leaves the old one in service and is reported by
 * the configuration's event `error`. Closes with the configuration.
 *
 * @throws whatever the factory throws at the first call
 */
export function live<T, S, R extends RequestHandler>(
  config: LiveConfig<T>,
  selector: (value: T) => S,
  factory: (selected: S) => R,
  options?: LiveOptions<S, R>,
): LiveMiddleware {
  const value = liveValue(config, selector, factory, options)
  // where nothing is taken down, nothing needs to be held
  const middleware: RequestHandler =
    options?.dispose === undefined
      ? (request, response, next) => value.current(request, response, next)
      : (request, response, next) => borrowForResponse(value, response)(request, response, next)
  return Object.assign(middleware, { close: () => value.close() })
}
