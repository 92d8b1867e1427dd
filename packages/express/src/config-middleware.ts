import { assertLiveConfig, pinRequest, type RegisteredConfig } from '@livetree/core/adapter'
import type { LiveConfig } from '@livetree/core'
import type { RequestHandler } from 'express'

declare global {
  namespace Express {
    interface Request {
      /** The configuration pinned to this request; see `configMiddleware`. Typed by `Register`. */
      config: RegisteredConfig
    }
  }
}

/**
 * Creates a middleware that pins one snapshot of the configuration to each request: `req.config`, and `config.pinned()` in
 * everything the request starts, across `await`, timers and streams. Mount it before any code that reads the pinned
 * configuration. `config.current` keeps following changes.
 *
 * @throws LivetreeError `invalid_options`
 */
export function configMiddleware<T extends RegisteredConfig>(config: LiveConfig<T>): RequestHandler {
  assertLiveConfig('configMiddleware()', config)
  return (request, response, next) => {
    const snapshot = pinRequest(config, request, response)
    request.config = snapshot.value
    config.runPinned(next, snapshot)
  }
}
