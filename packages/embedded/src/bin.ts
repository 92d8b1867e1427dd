import { parseArgs } from 'node:util'
import { type EmbeddedEtcd, startEmbeddedEtcd } from './start-embedded-etcd.ts'

const USAGE = `livetree-etcd: an etcd v3 server of one node, for demo, development and tests.
Production is an etcd cluster.

Usage: livetree-etcd [options]

  --port <number>            Port to listen on; 0 for any free one. Default 2379.
  --host <address>           Address to listen on. Default 127.0.0.1.
  --data <file>              Keep the data in this SQLite file. Default: memory only.
  --auto-compaction-retention <revisions>
                             Keep at least this many of the newest revisions and forget
                             older ones; 0 keeps all. Default 10000.
  --root-password-env <name> Take the password of the user root from this environment variable,
                             and switch auth on.
  --help                     Show this.

Clients connect as to any etcd: etcdctl --endpoints=http://127.0.0.1:2379 get --prefix ''
Ctrl-C, or SIGTERM, ends it.`

/** A usage error, printed without a stack. */
class UsageError extends Error {}

function readOptions(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        port: { type: 'string', default: '2379' },
        host: { type: 'string', default: '127.0.0.1' },
        data: { type: 'string' },
        'auto-compaction-retention': { type: 'string', default: '10000' },
        'root-password-env': { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function readPort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new UsageError(`--port ${text}: expected a number from 0 to 65535.`)
}

function readRetention(text: string) {
  const keepRevisions = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(keepRevisions))
    return keepRevisions === 0 ? {} : { autoCompaction: { keepRevisions } }
  throw new UsageError(
    `--auto-compaction-retention ${text}: expected a number of revisions, such as 10000, or 0 to keep all.`,
  )
}

function readPassword(name: string | undefined) {
  if (name === undefined) return {}
  const rootPassword = process.env[name]
  if (rootPassword) return { auth: { rootPassword } }
  throw new UsageError(`--root-password-env ${name}: the environment variable ${name} is not set.`)
}

/** Says why it cannot start, where the system's own words are too short. */
function explain(error: NodeJS.ErrnoException, port: string): string {
  return error.code === 'EADDRINUSE'
    ? `Port ${port} is in use. Stop what listens there, or choose another one with --port.`
    : error.message
}

function fail(message: string, exitCode: number): void {
  process.stderr.write(`livetree-etcd: ${message}\n`)
  process.exitCode = exitCode
}

function closeOnSignals(server: EmbeddedEtcd): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close())
}

async function main(): Promise<void> {
  const given = readOptions(process.argv.slice(2))
  const { port, host, data, help } = given
  if (help) {
    process.stdout.write(`${USAGE}\n`)
    return
  }
  try {
    const server = await startEmbeddedEtcd({
      port: readPort(port),
      host,
      ...(data === undefined ? {} : { dataFile: data }),
      ...readRetention(given['auto-compaction-retention']),
      ...readPassword(given['root-password-env']),
      onError: (error) => fail(error.message, 1),
    })
    closeOnSignals(server)
    const where = data === undefined ? 'in memory only' : `in ${data}`
    process.stdout.write(`livetree-etcd listens on ${server.endpoint}; data ${where}\n`)
  } catch (error) {
    if (error instanceof UsageError) throw error
    fail(explain(error as NodeJS.ErrnoException, port), 1)
  }
}

main().catch((error: Error) => {
  if (error instanceof UsageError) fail(`${error.message}\nSee livetree-etcd --help.`, 2)
  else throw error
})
