import { answerHealthProbe, type HealthProbeOptions, type LiveConfig } from '@livetree/core'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Answers a health probe with JSON, from what the process knows: neither probe asks the store. */
export function healthHandler<T>(
  config: LiveConfig<T>,
  options?: HealthProbeOptions,
): (request: FastifyRequest, reply: FastifyReply) => FastifyReply {
  return (_request, reply) => {
    const { statusCode, body } = answerHealthProbe(config, options)
    return reply.code(statusCode).header('cache-control', 'no-store').send(body)
  }
}
