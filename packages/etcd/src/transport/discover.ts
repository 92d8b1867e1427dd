import dns, { type Resolver, type SrvRecord } from 'node:dns'
import { EtcdError } from '../errors.ts'

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
      if (error === null) resolve(records)
      else if (NO_RECORDS.has(error.code ?? '')) resolve([])
      else reject(error)
    })
  })
}

/** Lower priority first; within one priority the heavier first. */
function inOrder(a: SrvRecord, b: SrvRecord): number {
  return a.priority - b.priority || b.weight - a.weight
}

/**
 * The endpoints behind a domain's SRV records. A service name ending in `-ssl` means https. Throws
 * `discovery_failed`.
 */
export async function discoverEndpoints(options: DiscoveryOptions): Promise<readonly string[]> {
  const { domain, serviceName, resolver = dns } = options
  const suffix = serviceName === undefined ? '' : `-${serviceName}`
  for (const service of SERVICES) {
    const name = `_${service}${suffix}._tcp.${domain}`
    const records = await lookUp(name, resolver).catch((cause: unknown) => {
      throw new EtcdError('discovery_failed', {
        what: `DNS did not answer for ${name}`,
        cause,
        fate: 'not_sent',
      })
    })
    if (records.length > 0) {
      const scheme = service.endsWith('-ssl') ? 'https' : 'http'
      const urls = records
        .sort(inOrder)
        .map(({ name: host, port }) => `${scheme}://${host.replace(/\.$/, '')}:${port}`)
      return [...new Set(urls)]
    }
  }
  throw new EtcdError('discovery_failed', { what: `${domain} has no SRV records for etcd`, fate: 'not_sent' })
}
