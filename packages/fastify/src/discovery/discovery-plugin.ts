import { setTimeout as pause } from 'node:timers/promises'
import {
  assertAdapterOptions,
  assertRegisterOptions,
  type Discovery,
  DiscoveryError,
  type RegisterOptions,
  type Registration,
  type ShutdownOptions,
} from '@livetree/discovery'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** The registration of this app; undefined until it is made, after the app listens. */
    readonly registration: Registration | undefined
    /** Deregisters, serves on for `propagationMs`, closes the app, and waits for what is running: loses no request. */
    shutdown(options?: Omit<ShutdownOptions, 'close'>): Promise<void>
  }
}

/** Options of the plugin: those of `discovery.register` without `server`, and these. */
export interface DiscoveryPluginOptions extends Omit<RegisterOptions, 'server' | 'signal'> {
  /** What `createDiscovery` returned. Its owner closes it. */
  readonly discovery: Discovery
  /**
   * Set it to false if the app was created with `return503OnClosing: false`; a bare `app.close()` then goes on serving for
   * `propagationMs`. Default true: as Fastify's own.
   */
  readonly return503OnClosing?: boolean
  /** Milliseconds of that. Default 1,000. */
  readonly propagationMs?: number
}

/**
 * Registers the app as an instance once it listens, and deregisters it before it closes. End the app by `app.shutdown()`:
 * from a bare `app.close()` on, Fastify answers 503, while consumers still know the instance. Options that are wrong fail
 * the start of the app; a registration that fails later is a process warning, too, because Fastify logs nothing by default.
 */
export const discovery = fastifyPlugin(registerApp, { fastify: '5.x', name: '@livetree/fastify/discovery' })

async function registerApp(app: FastifyInstance, options: DiscoveryPluginOptions): Promise<void> {
  const { discovery, return503OnClosing = true, propagationMs = 1_000, ...register } = options
  const names = ['discovery', 'return503OnClosing', 'propagationMs'] as const
  assertAdapterOptions('app.register(discovery)', names, { discovery, return503OnClosing, propagationMs })
  assertRegisterOptions(register)
  const stop = new AbortController()
  let registering: Promise<Registration> | undefined
  let registration: Registration | undefined
  let isShutDown = false
  /** The registration, or undefined if there is none: one that is being made is cancelled. */
  const registered = async (): Promise<Registration | undefined> => {
    stop.abort()
    return registering?.catch(() => undefined)
  }
  app.decorate('registration', { getter: () => registration })
  app.decorate('shutdown', async (shutdown: Omit<ShutdownOptions, 'close'> = {}) => {
    if ('close' in shutdown)
      throw new DiscoveryError('invalid_option', 'app.shutdown: there is no option close; it closes the app')
    isShutDown = true
    const close = () => app.close()
    const made = await registered()
    await (made === undefined ? close() : made.shutdown({ ...shutdown, close }))
  })
  app.addHook('onListen', async () => {
    const { signal } = stop
    registering = discovery.register({ onUnavailable: 'retry', ...register, server: app.server, signal })
    try {
      registration = await registering
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (!signal.aborted)
        process.emitWarning(`The app could not be registered: ${reason}`, { code: 'LIVETREE_DISCOVERY' })
      throw error
    }
  })
  app.addHook('preClose', async () => {
    const made = isShutDown ? undefined : await registered()
    if (made === undefined) return
    await made.deregister()
    if (!return503OnClosing) await pause(propagationMs)
    else {
      app.log.warn('The app was closed without app.shutdown(): requests get 503 until consumers have seen it')
    }
  })
}
