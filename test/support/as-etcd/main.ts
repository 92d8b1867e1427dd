import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startEmbeddedEtcd } from '../../../packages/embedded/src/index.ts'
import { etcdVersion } from '../../../packages/embedded/src/version.ts'

/** Reads a duration of Go: `100ms`, `5s`. */
const milliseconds = (text: string): number => {
  const [, number, unit] = /^(\d+)(ms|s|m)$/.exec(text) ?? []
  if (number === undefined) throw new Error(`${text} is no duration`)
  return Number(number) * (unit === 'ms' ? 1 : unit === 's' ? 1000 : 60_000)
}

if (process.argv.includes('--version')) {
  console.log(`etcd Version: ${etcdVersion}`)
} else {
  const text = { type: 'string' } as const
  // What a single node in one process, without a log, has no use for. Any other argument is refused, as etcd does.
  const ignored = [
    ...[
      'name',
      'listen-peer-urls',
      'initial-advertise-peer-urls',
      'initial-cluster',
      'initial-cluster-token',
    ],
    ...['logger', 'log-outputs', 'log-level', 'max-concurrent-streams'],
  ]
  const { values } = parseArgs({
    options: {
      ...Object.fromEntries(ignored.map((name) => [name, text])),
      'listen-client-urls': text,
      'advertise-client-urls': text,
      'data-dir': text,
      'cert-file': text,
      'key-file': text,
      'trusted-ca-file': text,
      'client-cert-auth': text,
      'quota-backend-bytes': text,
      'experimental-watch-progress-notify-interval': text,
      'auth-token-ttl': text,
    },
  }) as { values: Record<string, string | undefined> }
  const of = <T>(name: string, read: (value: string) => T): T | undefined => {
    const value = values[name]
    return value === undefined ? undefined : read(value)
  }
  const url = new URL(values['listen-client-urls']!)
  const folder = values['data-dir']!
  mkdirSync(folder, { recursive: true })
  const cert = of('cert-file', (path) => readFileSync(path))
  const key = of('key-file', (path) => readFileSync(path))
  const ca = of('trusted-ca-file', (path) => readFileSync(path))
  const asksClients = values['client-cert-auth'] === 'true' && ca !== undefined
  const server = await startEmbeddedEtcd({
    host: url.hostname,
    port: Number(url.port),
    dataFile: join(folder, 'embedded.db'),
    ...(cert === undefined || key === undefined
      ? {}
      : { tls: { cert, key, ...(asksClients ? { ca } : {}) } }),
    ...withoutGaps({
      quotaBytes: of('quota-backend-bytes', Number),
      progressIntervalMs: of('experimental-watch-progress-notify-interval', milliseconds),
      tokenTtlMs: of('auth-token-ttl', (seconds) => Number(seconds) * 1000),
      advertisedClientUrls: of('advertise-client-urls', (urls) => urls.split(',')),
    }),
  })
  process.once('SIGTERM', () => void server.close())
}

function withoutGaps<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as { [K in keyof T]: Exclude<T[K], undefined> }
}
