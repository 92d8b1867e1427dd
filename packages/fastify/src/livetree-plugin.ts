import { type LiveConfig, pinRequest, type RegisteredConfig, type Snapshot } from '@livetree/core'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** The live configuration, typed by `Register`. */
    readonly config: LiveConfig<RegisteredConfig>
  }

  interface FastifyRequest {
    /** The configuration as it was when this request came; the newest one with `pin: false`. Typed by `Register`. */
    readonly config: RegisteredConfig
  }
}

/** `T` is checked against the registered configuration, where there is one. */
export interface LivetreePluginOptions<T extends RegisteredConfig = RegisteredConfig> {
  /** What `load` or `createTestConfig` gave. */
  readonly config: LiveConfig<T>
  /** Pin one snapshot to each request. Default true. */
  readonly pin?: boolean | undefined
  /** Close the configuration when the app closes, after its last request. Default true. */
  readonly closeOnShutdown?: boolean | undefined
}

const pinnedTo = Symbol('livetree.pinnedTo')

type PinnedRequest = FastifyRequest & { [pinnedTo]: Snapshot<RegisteredConfig> | null }

/**
 * `app.config` is the live configuration, `request.config` the snapshot this request is pinned to; `config.pinned()`
 * gives that one too, in everything the request starts, across `await`, timers and streams. Register it before what
 * reads the configuration.
 */
export const livetree = fastifyPlugin(registerLivetree, { fastify: '5.x', name: '@livetree/fastify' })

async function registerLivetree(app: FastifyInstance, options: LivetreePluginOptions): Promise<void> {
  const { config, pin = true, closeOnShutdown = true } = options
  app.decorate('config', config)
  app.decorateRequest(pinnedTo, null)
  app.decorateRequest('config', {
    getter(this: FastifyRequest) {
      return ((this as PinnedRequest)[pinnedTo] ?? config.pinnedSnapshot()).value
    },
  })
  if (pin) {
    app.addHook('onRequest', (request, reply, done) => {
      const snapshot = pinRequest(config, request.raw, reply.raw)
      ;(request as PinnedRequest)[pinnedTo] = snapshot
      config.runPinned(done, snapshot)
    })
  }
  // avvio closes in reverse order: what was registered after this plugin, and the server, are closed by now
  if (closeOnShutdown) app.addHook('onClose', () => config.close())
}
