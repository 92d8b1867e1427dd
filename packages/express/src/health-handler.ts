import { answerHealthProbe, type HealthProbeOptions, type LiveConfig } from '@livetree/core'
import type { RequestHandler } from 'express'

/** Answers a health probe with JSON, from what the process knows: neither probe asks the store. */
export function healthHandler<T>(config: LiveConfig<T>, options?: HealthProbeOptions): RequestHandler {
  return (_request, response) => {
    const { statusCode, body } = answerHealthProbe(config, options)
    response.status(statusCode).set('cache-control', 'no-store').json(body)
  }
}
