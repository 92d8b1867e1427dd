import { isDeepStrictEqual } from 'node:util'
import { type Clock, type Logger, optionKinds } from '@livetree/core/source'
import { createEtcdClient, type EtcdClient, type EtcdClientOptions } from '@livetree/etcd'

/** A client that sources of this process use together. */
interface SharedClient {
  readonly options: EtcdClientOptions
  readonly clock: Clock
  readonly client: EtcdClient
  /** The loggers of the sources that use the client. Sources of one configuration have the same. */
  readonly loggers: Logger[]
}

/** A client for one source. */
export interface ClientUse {
  readonly client: EtcdClient
  /** The source needs it no more: it is closed when no other one does. */
  release(): Promise<void>
}

const sharedClients = new Set<SharedClient>()

/**
 * A client with these options, which sources of equal options share, so that a process has one connection and one watch
 * stream for all of its configurations. Options are equal if all of them are; a function only equals itself, and one that is
 * `undefined` is not given. What the client logs is logged by each configuration that uses it.
 */
export function useClient(options: EtcdClientOptions, clock: Clock, logger: Logger): ClientUse {
  const comparable = comparableOf(options)
  let shared = [...sharedClients].find(
    (other) => other.clock === clock && isDeepStrictEqual(other.options, comparable),
  )
  if (shared === undefined) {
    const loggers: Logger[] = []
    const client = createEtcdClient({ ...options, clock, logger: eachOf(loggers) })
    shared = { options: comparable, clock, client, loggers }
    sharedClients.add(shared)
  }
  return useOf(shared, logger)
}

/** A client that no other source uses. */
export function newClient(options: EtcdClientOptions, clock: Clock, logger: Logger): ClientUse {
  const client = createEtcdClient({ ...options, clock, logger })
  return { client, release: () => client.close() }
}

function useOf(shared: SharedClient, logger: Logger): ClientUse {
  const { client, loggers } = shared
  loggers.push(logger)
  let release: Promise<void> | undefined
  return {
    client,
    release() {
      release ??= releaseOne(shared, logger)
      return release
    },
  }
}

async function releaseOne(shared: SharedClient, logger: Logger): Promise<void> {
  const { client, loggers } = shared
  loggers.splice(loggers.indexOf(logger), 1)
  if (loggers.length > 0) return
  // Whoever comes now gets a new one.
  sharedClients.delete(shared)
  await client.close()
}

/** A copy, since the caller may change his objects. Members may be named in any order. */
function comparableOf(options: EtcdClientOptions): EtcdClientOptions {
  const { endpoints, ...others } = copyOf(options) as EtcdClientOptions
  return endpoints === undefined ? others : { ...others, endpoints: [endpoints].flat().sort() }
}

/** Properties that are undefined are left out; functions and instances of classes stay what they are. */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf)
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (!optionKinds.isObject(value) || !isPlain(value)) return value
  const given = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(given.map(([name, each]) => [name, copyOf(each)]))
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Logs to each of them once, those that are there at the time. */
function eachOf(loggers: readonly Logger[]): Logger {
  const to =
    (level: keyof Logger): Logger[keyof Logger] =>
    (message, details) => {
      for (const logger of new Set(loggers)) logger[level](message, details)
    }
  return { debug: to('debug'), info: to('info'), warn: to('warn'), error: to('error') }
}
