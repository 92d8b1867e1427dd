import {
  assertLiveConfig,
  pinRequest,
  checkOptions,
  optionKinds,
  type RegisteredConfig,
} from '@livetree/core/adapter'
import { type LiveConfig, LivetreeError, type Snapshot } from '@livetree/core'
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

type PinnedRequest = FastifyRequest & Record<symbol, Snapshot<RegisteredConfig> | null>

const CALL = 'app.register(livetree, { config })'
/** What Fastify itself reads from the options of every plugin. */
const ofFastify = { expected: 'an option of Fastify', test: () => true }
const table = {
  config: ofFastify,
  pin: optionKinds.flag,
  closeOnShutdown: optionKinds.flag,
  prefix: ofFastify,
  logLevel: ofFastify,
  logSerializers: ofFastify,
}

/**
 * `app.config` is the live configuration, `request.config` the snapshot this request is pinned to; `config.pinned()`
 * gives that one too, in everything the request starts, across `await`, timers and streams. Register it before what
 * reads the configuration. What the configuration has to say goes to `app.log`, unless `load` was given a logger. A context and those inside it have one; another one is registered in a context of its own.
 *
 * @throws LivetreeError `invalid_options` out of `register`
 */
export const livetree = fastifyPlugin(registerLivetree, { fastify: '5.x', name: '@livetree/fastify' })

async function registerLivetree(app: FastifyInstance, options: LivetreePluginOptions): Promise<void> {
  assertLiveConfig(CALL, options.config)
  checkOptions(CALL, options, table)
  const { config, pin = true, closeOnShutdown = true } = options
  // one for each registration: a context inside another one has a configuration of its own beside the outer one
  const pinnedTo = Symbol('livetree.pinnedTo')
  decorate(app, config, pinnedTo)
  if (pin) {
    app.addHook('onRequest', (request, reply, done) => {
      const snapshot = pinRequest(config, request.raw, reply.raw)
      ;(request as PinnedRequest)[pinnedTo] = snapshot
      config.runPinned(done, snapshot)
    })
  }
  const detachLogger = hasLog(app) ? config.attachLogger(app.log) : () => {}
  // avvio closes in reverse order: what was registered after this plugin, and the server, are closed by now
  app.addHook('onClose', async () => {
    if (closeOnShutdown) await config.close()
    detachLogger()
  })
}

/** Without one, Fastify has a log whose methods do nothing: what is said to it would be hidden. */
function hasLog({ log }: FastifyInstance): boolean {
  return typeof log.level === 'string' || log.info !== log.error
}

function decorate(app: FastifyInstance, config: LiveConfig<RegisteredConfig>, pinnedTo: symbol): void {
  const getter = function (this: FastifyRequest) {
    return ((this as PinnedRequest)[pinnedTo] ?? config.pinnedSnapshot()).value
  }
  try {
    app.decorate('config', config)
    app.decorateRequest(pinnedTo, null)
    app.decorateRequest('config', { getter })
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'FST_ERR_DEC_ALREADY_PRESENT') throw cause
    const message = `${CALL} finds app.config or request.config already there: this context has a livetree, or another plugin such as @fastify/env. Register one of the two in a context of its own, app.register(async (inner) => inner.register(livetree, { config })).`
    throw new LivetreeError('invalid_options', message, { cause })
  }
}
