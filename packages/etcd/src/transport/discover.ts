import { getServers, Resolver, type SrvRecord } from 'node:dns'
import { EtcdError } from '../errors.ts'
import { type Logger, silentLogger } from '../logger.ts'
import { parseEndpoint } from './endpoint-url.ts'

/** Finds the endpoints in DNS SRV records, like `etcdctl --discovery-srv`. */
export interface DiscoveryOptions {
  /** For example `example.com`, for `_etcd-client-ssl._tcp.example.com` and related names. */
  readonly domain: string
  /** The name in `_etcd-client-<serviceName>._tcp…`. Default: none. */
  readonly serviceName?: string
  /** Default: the machine's DNS resolver. */
  readonly resolver?: Pick<Resolver, 'resolveSrv'>
}

/** The service names in the order they are tried; the first with usable records is used (ETCD F1). */
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

/** Lower priority first; higher weight first within a priority. */
function inOrder(a: SrvRecord | null, b: SrvRecord | null): number {
  if (!a || !b) return a ? -1 : b ? 1 : 0
  return a.priority - b.priority || b.weight - a.weight
}

/**
 * The endpoint of a record; `undefined` if it is unusable, e.g. with the host "." for an unavailable service.
 */
function endpointOf(record: Partial<SrvRecord> | null, scheme: string, logger: Logger): string | undefined {
  const { name: host, port } = record ?? {}
  try {
    return parseEndpoint(`${scheme}://${String(host).replace(/(?<=[^.])\.$/, '')}:${port}`, false)
  } catch (error) {
    const { what } = error as EtcdError
    logger.warn('A DNS SRV record names no usable endpoint and is skipped', { what })
    return undefined
  }
}

/**
 * Resolves a domain's SRV records to endpoints. A service name ending in `-ssl` means https. Unusable records
 * are skipped with a warning. Aborting the signal cancels queries of the default resolver.
 *
 * @throws EtcdError `discovery_failed` if there is no usable record, or DNS does not answer
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

/**
 * The default resolver. Its queries are cancelled by the signal, since they could keep the process running
 * for 30 s.
 */
function cancellable(signal: AbortSignal | undefined): Resolver {
  const resolver = new Resolver()
  resolver.setServers(getServers())
  signal?.addEventListener('abort', () => resolver.cancel(), { once: true })
  return resolver
}

function failed(what: string, cause?: unknown): EtcdError {
  return new EtcdError('discovery_failed', { what, cause, fate: 'not_sent' })
}
