import {
  answerHealthProbe,
  assertLiveConfig,
  type HealthProbeOptions,
  checkOptions,
  optionKinds,
} from '@livetree/core/adapter'
import type { LiveConfig } from '@livetree/core'
import type { RequestHandler } from 'express'

/**
 * Creates a handler that answers a health probe with JSON. Neither probe makes a request to the store.
 *
 * @throws LivetreeError `invalid_options`
 */
export function healthHandler<T>(config: LiveConfig<T>, options: HealthProbeOptions = {}): RequestHandler {
  assertLiveConfig('healthHandler()', config)
  checkOptions('healthHandler()', options, { probe: optionKinds.oneOf('readiness', 'liveness') })
  return (_request, response) => {
    const { statusCode, body } = answerHealthProbe(config, options)
    response.status(statusCode).set('cache-control', 'no-store').json(body)
  }
}
