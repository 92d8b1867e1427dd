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
 * Answers a health probe with JSON, from what the process knows: neither probe asks the store.
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
