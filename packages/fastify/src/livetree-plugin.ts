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
    /** The configuration pinned to this request; with `pin: false`, the newest one. Typed by `Register`. */
    readonly config: RegisteredConfig
  }
}

/** Options of the plugin. `T` must match the configuration registered by `Register`, if there is one. */
export interface LivetreePluginOptions<T extends RegisteredConfig = RegisteredConfig> {
  /** The configuration returned by `load` or `createTestConfig`. */
  readonly config: LiveConfig<T>
  /** Whether to pin one snapshot to each request. Default true. */
  readonly pin?: boolean | undefined
  /** Whether to close the configuration when the app closes, after its last request. Default true. */
  readonly closeOnShutdown?: boolean | undefined
}

type PinnedRequest = FastifyRequest & Record<symbol, Snapshot<RegisteredConfig> | null>

const CALL = 'app.register(livetree, { config })'
/** Options that Fastify itself reads from the options of every plugin. */
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
 * The Fastify plugin. `app.config` is the live configuration and `request.config` the value pinned to the request.
 * `config.pinned()` returns that value too, in everything the request starts, across `await`, timers and streams. Register
 * the plugin before any code that reads the configuration. The configuration logs to `app.log`, unless `load` was given a
 * logger. A context and its child contexts share one configuration; register another one in a separate context.
 *
 * @throws LivetreeError `invalid_options`, from `register`
 */
export const livetree = fastifyPlugin(registerLivetree, { fastify: '5.x', name: '@livetree/fastify' })

async function registerLivetree(app: FastifyInstance, options: LivetreePluginOptions): Promise<void> {
  assertLiveConfig(CALL, options.config)
  checkOptions(CALL, options, table)
  const { config, pin = true, closeOnShutdown = true } = options
  // One symbol per registration: a child context may have its own configuration besides the one of its parent.
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
  // avvio closes in reverse order: the server and plugins registered after this one are already closed.
  app.addHook('onClose', async () => {
    if (closeOnShutdown) await config.close()
    detachLogger()
  })
}

/** Whether the app has a real logger. Without one, the methods of `app.log` do nothing and would hide warnings. */
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
    const message = `${CALL} cannot add app.config or request.config, which already exists: livetree, or another plugin such as @fastify/env, is registered in this context. Register one of the two in a separate context, app.register(async (inner) => inner.register(livetree, { config })).`
    throw new LivetreeError('invalid_options', message, { cause })
  }
}
