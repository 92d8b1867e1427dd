import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { startEmbeddedEtcd } from '../../../packages/embedded/src/index.ts'
import { ETCD_VERSION } from '../../../packages/embedded/src/version.ts'

/** Reads a duration of Go: `100ms`, `5s`. */
const milliseconds = (text: string): number => {
  const [, number, unit] = /^(\d+)(ms|s|m)$/.exec(text) ?? []
  if (number === undefined) throw new Error(`${text} is no duration`)
  return Number(number) * (unit === 'ms' ? 1 : unit === 's' ? 1000 : 60_000)
}

if (process.argv.includes('--version')) {
  console.log(`etcd Version: ${ETCD_VERSION}`)
} else {
  const text = { type: 'string' } as const
  // What a single node in one process, without a log, has no use for. Any other argument is refused, as etcd does.
  const ignored = [
    ...['name', 'listen-peer-urls', 'initial-advertise-peer-urls'],
    ...['logger', 'log-outputs', 'log-level', 'max-concurrent-streams'],
  ]
  const { values } = parseArgs({
    options: {
      ...Object.fromEntries(ignored.map((name) => [name, text])),
      'initial-cluster': text,
      'initial-cluster-token': text,
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
  const dataFile = join(folder, 'embedded.db')
  giveIdentity(dataFile, `${values['initial-cluster']} ${values['initial-cluster-token']}`)
  const cert = of('cert-file', (path) => readFileSync(path))
  const key = of('key-file', (path) => readFileSync(path))
  const ca = of('trusted-ca-file', (path) => readFileSync(path))
  const asksClients = values['client-cert-auth'] === 'true' && ca !== undefined
  const server = await startEmbeddedEtcd({
    host: url.hostname,
    port: Number(url.port),
    dataFile,
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

/**
 * As etcd does, makes the ids of cluster and member from the initial cluster and its token: a wiped store with the same
 * ones then has the same ids. A file that has its ids keeps them.
 */
function giveIdentity(dataFile: string, seed: string): void {
  const digest = createHash('sha256').update(seed).digest()
  const clusterId = String(digest.readBigUInt64BE(0))
  const memberId = String(digest.readBigUInt64BE(8))
  const database = new DatabaseSync(dataFile)
  database.exec('CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID')
  const keep = database.prepare("INSERT OR IGNORE INTO setting VALUES ('identity', ?)")
  keep.run(JSON.stringify({ clusterId, memberId }))
  database.close()
}

function withoutGaps<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as { [K in keyof T]: Exclude<T[K], undefined> }
}
