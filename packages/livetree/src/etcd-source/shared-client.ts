import type { Clock, Logger } from '@livetree/core/source'
import {
  copyClientOptions,
  createEtcdClient,
  type EtcdClient,
  type EtcdClientOptions,
  isSameClient,
} from '@livetree/etcd'

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
 * stream for all of its configurations. Options are equal if the client reads the same of all of them; a function and an
 * object with methods, such as a resolver, only equal themselves. What the client logs is logged by each configuration that
 * uses it.
 */
export function useClient(given: EtcdClientOptions, clock: Clock, logger: Logger): ClientUse {
  // A copy, since the caller may change his objects.
  const options = copyClientOptions(given)
  const comparable = comparableOf(options)
  let shared = [...sharedClients].find(
    (other) => other.clock === clock && isSameClient(other.options, comparable),
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

/** Members may be named in any order. */
function comparableOf(options: EtcdClientOptions): EtcdClientOptions {
  const { endpoints } = options
  return endpoints === undefined ? options : { ...options, endpoints: [endpoints].flat().sort() }
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
