import type { LiveConfig } from '@livetree/core'
import { pinRequest, type RequestPart } from '@livetree/core/adapter'
import type { HttpAdapterHost } from '@nestjs/core'

/** The part of a Fastify instance that `pinRequests` uses. */
interface FastifyHooks {
  addHook(
    name: 'onRequest',
    hook: (request: { raw: RequestPart }, reply: { raw: RequestPart }, done: () => void) => void,
  ): unknown
}

/** Pins every request at the HTTP platform, before the middleware of any module runs. */
export function pinRequests<T>(config: LiveConfig<T>, { httpAdapter }: HttpAdapterHost): void {
  if (httpAdapter.getType() === 'fastify') {
    httpAdapter.getInstance<FastifyHooks>().addHook('onRequest', (request, reply, done) => {
      config.runPinned(done, pinRequest(config, request.raw, reply.raw))
    })
  } else {
    httpAdapter.use((request: RequestPart, response: RequestPart, next: () => void) => {
      config.runPinned(next, pinRequest(config, request, response))
    })
  }
}
