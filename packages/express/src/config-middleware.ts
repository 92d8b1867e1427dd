import { assertLiveConfig, pinRequest, type RegisteredConfig } from '@livetree/core/adapter'
import type { LiveConfig } from '@livetree/core'
import type { RequestHandler } from 'express'

declare global {
  namespace Express {
    interface Request {
      /** The configuration as it was when this request came; see `configMiddleware`. Typed by `Register`. */
      config: RegisteredConfig
    }
  }
}

/**
 * Pins one snapshot of the configuration to each request: `req.config`, and `config.pinned()` in everything the request
 * starts, across `await`, timers and streams. Put it before what reads the configuration; `config.current` moves on all
 * the while.
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
