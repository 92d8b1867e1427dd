import { getServers, Resolver, type SrvRecord } from 'node:dns'
import { EtcdError } from '../errors.ts'
import { type Logger, silentLogger } from '../logger.ts'
import { parseEndpoint } from './endpoint-url.ts'

/** Finds the endpoints through DNS SRV records, as `etcdctl --discovery-srv` does. */
export interface DiscoveryOptions {
  /** `example.com`, for `_etcd-client-ssl._tcp.example.com` and its kin. */
  readonly domain: string
  /** As in `_etcd-client-<serviceName>._tcp…`. Default: none. */
  readonly serviceName?: string
  /** Who is asked. Default: the machine's resolver. */
  readonly resolver?: Pick<Resolver, 'resolveSrv'>
}

/** The names in the order in which they are tried; the first that has records counts (ETCD F1). */
const SERVICES = ['etcd-client-ssl', 'etcd-client', 'etcd-ssl', 'etcd'] as const

const NO_RECORDS: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA'])

function lookUp(name: string, resolver: NonNullable<DiscoveryOptions['resolver']>): Promise<SrvRecord[]> {
  return new Promise((resolve, reject) => {
    resolver.resolveSrv(name, (error, records) => {
      if (!error) resolve(Array.isArray(records) ? records : [])
      else if (NO_RECORDS.has(error.code ?? '')) resolve([])
      else reject(error)
    })
  })
}

/** Lower priority first; within one priority the heavier first. */
function inOrder(a: SrvRecord | null, b: SrvRecord | null): number {
  if (!a || !b) return a ? -1 : b ? 1 : 0
  return a.priority - b.priority || b.weight - a.weight
}

/** The endpoint of a record; `undefined` when it names none: a host of "." says that the service is not there. */
function endpointOf(record: Partial<SrvRecord> | null, scheme: string, logger: Logger): string | undefined {
  const { name: host, port } = record ?? {}
  try {
    return parseEndpoint(`${scheme}://${String(host).replace(/(?<=[^.])\.$/, '')}:${port}`, false)
  } catch (error) {
    const { what } = error as EtcdError
    logger.warn('A DNS SRV record names no endpoint and is passed over', { what })
    return undefined
  }
}

/**
 * The endpoints behind a domain's SRV records. A service name ending in `-ssl` means https. Records that name no usable
 * endpoint are passed over with a warning.
 *
 * Once the signal has fired, the machine's resolver is asked no more.
 *
 * @throws EtcdError `discovery_failed` when no usable record is left, or DNS does not answer
 */
export async function discoverEndpoints(
  options: DiscoveryOptions,
  logger: Logger = silentLogger,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const { domain, serviceName, resolver = cancellable(signal) } = options
  const suffix = serviceName === undefined ? '' : `-${serviceName}`
  let unusable: string | undefined
  for (const service of SERVICES) {
    const name = `_${service}${suffix}._tcp.${domain}`
    const records = await lookUp(name, resolver).catch((cause: unknown) => {
      throw failed(`DNS did not answer for ${name}`, cause)
    })
    if (records.length === 0) continue
    const scheme = service.endsWith('-ssl') ? 'https' : 'http'
    const urls = records.sort(inOrder).map((each) => endpointOf(each, scheme, logger))
    const usable = urls.filter((url) => url !== undefined)
    if (usable.length > 0) return [...new Set(usable)]
    unusable ??= name
  }
  throw failed(
    unusable === undefined
      ? `${domain} has no SRV records for etcd`
      : `none of the SRV records of ${unusable} names a usable host and port`,
  )
}

/** The machine's resolver. A query that nobody answers would keep the process running for half a minute. */
function cancellable(signal: AbortSignal | undefined): Resolver {
  const resolver = new Resolver()
  resolver.setServers(getServers())
  signal?.addEventListener('abort', () => resolver.cancel(), { once: true })
  return resolver
}

function failed(what: string, cause?: unknown): EtcdError {
  return new EtcdError('discovery_failed', { what, cause, fate: 'not_sent' })
}
