import {
  pinRequest,
  pinRequestAlone,
  checkOptions,
  configIn,
  optionKinds,
  type RegisteredConfig,
  type RegisteredLiveConfig,
} from '@livetree/core/adapter'
import { type LiveConfig, LivetreeError, type Register, type Snapshot } from '@livetree/core'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** The live configuration, or several by their names; typed by `Register`. */
    readonly config: RegisteredLiveConfig
  }

  interface FastifyRequest {
    /**
     * The configuration pinned to this request, or several by their names; with `pin: false`, the newest one. Typed by
     * `Register`.
     */
    readonly config: RegisteredConfig
  }
}

/** An app with several configurations may read each by its name. */
type Held<T> = Register extends { readonly configs: unknown } ? unknown : T

/** Options of the plugin. `T` must match the configuration registered by `Register`, if there is one. */
export interface LivetreePluginOptions<T extends RegisteredConfig = RegisteredConfig> {
  /** The configuration returned by `load` or `createTestConfig`. */
  readonly config: LiveConfig<Held<T>>
  /**
   * The name of this configuration in an app with several: the plugin is registered once for each, and `app.config` and
   * `request.config` hold each by its name. Default: the app has one.
   */
  readonly name?: string | undefined
  /**
   * Whether to pin one snapshot to each request. `true` and `'async'` pin it to everything the request starts, where
   * `config.pinned()` returns it. `'request'` fills `request.config` alone, which costs less for each request;
   * `config.pinned()` then returns the newest value, as outside of a request. Default true.
   */
  readonly pin?: boolean | 'async' | 'request' | undefined
  /** Whether to close the configuration when the app closes, after its last request. Default true. */
  readonly closeOnShutdown?: boolean | undefined
}

type PinnedRequest = FastifyRequest & Record<symbol, Snapshot<unknown> | null>

/** One registration: a configuration, and where a request keeps what is pinned of it. */
interface Registration {
  readonly config: LiveConfig<unknown>
  readonly pinnedTo: symbol
}

const CALL = 'app.register(livetree, { config })'
const NAMED_CALL = 'app.register(livetree, { config, name })'
/** Options that Fastify itself reads from the options of every plugin. */
const ofFastify = { expected: 'an option of Fastify', test: () => true }
const OPTION_TABLE = {
  config: ofFastify,
  name: optionKinds.name,
  pin: {
    expected: "true, false, 'async' or 'request'",
    test: (value: unknown) => ['async', 'request', true, false].includes(value as string),
    isShown: true,
  },
  closeOnShutdown: optionKinds.flag,
  prefix: ofFastify,
  logLevel: ofFastify,
  logSerializers: ofFastify,
}

/**
 * The Fastify plugin. `app.config` is the live configuration and `request.config` the value pinned to the request.
 * `config.pinned()` returns that value too, in everything the request starts, across `await`, timers and streams. Register
 * the plugin before any code that reads the configuration. The configuration logs to `app.log`, unless `load` was given a
 * logger.
 *
 * An app with several registers the plugin for each with a name: `app.config.platform`, `request.config.platform`; a request
 * pins all of them. Without names, a context and its child contexts share one configuration; register another one in a
 * separate context.
 *
 * @throws LivetreeError `invalid_options`, from `register`
 */
export const livetree = fastifyPlugin(registerLivetree, { fastify: '5.x', name: '@livetree/fastify' })

async function registerLivetree(app: FastifyInstance, options: LivetreePluginOptions): Promise<void> {
  const config = configIn(CALL, options)
  checkOptions(CALL, options, OPTION_TABLE)
  const { name, pin = true, closeOnShutdown = true } = options
  // One symbol per registration: a child context may have its own configuration besides the one of its parent.
  const pinnedTo = Symbol('livetree.pinnedTo')
  if (name === undefined) decorate(app, { config, pinnedTo })
  else decorateNamed(app, name, { config, pinnedTo })
  if (pin === 'request') {
    app.addHook('onRequest', (request, _reply, done) => {
      ;(request as PinnedRequest)[pinnedTo] = pinRequestAlone(config, request.raw)
      done()
    })
  } else if (pin) {
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

function decorate(app: FastifyInstance, registration: Registration): void {
  const { config, pinnedTo } = registration
  refuseTaken(() => {
    app.decorate('config', config as unknown as RegisteredLiveConfig)
    app.decorateRequest(pinnedTo, null)
    app.decorateRequest('config', {
      getter(this: FastifyRequest) {
        return valueFor(this, registration) as RegisteredConfig
      },
    })
  })
}

/** The registrations that an `app.config` holds by their names. */
const named = new WeakMap<object, Map<string, Registration>>()

function decorateNamed(app: FastifyInstance, name: string, registration: Registration): void {
  const { config, pinnedTo } = registration
  const above: unknown = app.hasDecorator('config') ? app.config : undefined
  const known = typeof above === 'object' && above !== null ? named.get(above) : undefined
  if (known?.has(name) === true) {
    const message = `${NAMED_CALL} got the name "${name}", which this app has already: give each configuration a name of its own.`
    throw new LivetreeError('invalid_options', message)
  }
  // A child context adds to what its parent has, and leaves the parent as it is.
  const isOwn = known !== undefined && Object.hasOwn(app, 'config')
  const registrations = isOwn ? known : new Map(known)
  registrations.set(name, registration)
  if (isOwn) {
    Object.defineProperty(above, name, { value: config, enumerable: true })
    app.decorateRequest(pinnedTo, null)
    return
  }
  const configs = Object.fromEntries(Array.from(registrations, ([each, { config: own }]) => [each, own]))
  named.set(configs, registrations)
  refuseTaken(() => {
    app.decorate('config', configs as unknown as RegisteredLiveConfig)
    app.decorateRequest(pinnedTo, null)
    app.decorateRequest('config', {
      getter(this: FastifyRequest) {
        const values = Array.from(registrations, ([each, own]) => [each, valueFor(this, own)])
        return Object.freeze(Object.fromEntries(values)) as RegisteredConfig
      },
    })
  })
}

function valueFor(request: FastifyRequest, { config, pinnedTo }: Registration): unknown {
  return ((request as PinnedRequest)[pinnedTo] ?? config.pinnedSnapshot()).value
}

/** @throws LivetreeError `invalid_options` where the names are taken */
function refuseTaken(decorateAll: () => void): void {
  try {
    decorateAll()
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'FST_ERR_DEC_ALREADY_PRESENT') throw cause
    const message = `${CALL} cannot add app.config or request.config, which already exists: livetree, or another plugin such as @fastify/env, is registered in this context. Give each of several configurations a name, ${NAMED_CALL}, or register one of the two in a separate context, app.register(async (inner) => inner.register(livetree, { config })).`
    throw new LivetreeError('invalid_options', message, { cause })
  }
}
