import {
  answerHealthProbe,
  assertLiveConfig,
  type HealthProbeOptions,
  checkOptions,
  optionKinds,
} from '@livetree/core/adapter'
import type { LiveConfig } from '@livetree/core'
import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Creates a handler that answers a health probe with JSON. Neither probe makes a request to the store.
 *
 * @throws LivetreeError `invalid_options`
 */
export function healthHandler<T>(
  config: LiveConfig<T>,
  options: HealthProbeOptions = {},
): (request: FastifyRequest, reply: FastifyReply) => FastifyReply {
  assertLiveConfig('healthHandler()', config)
  checkOptions('healthHandler()', options, { probe: optionKinds.oneOf('readiness', 'liveness') })
  return (_request, reply) => {
    const { statusCode, body } = answerHealthProbe(config, options)
    return reply.code(statusCode).header('cache-control', 'no-store').send(body)
  }
}
