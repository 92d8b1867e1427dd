import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'

/** Where Debian's packages put the sources of etcd's client. */
const GOPATH = '/usr/share/gocode'
const ETCD_CLIENT = `${GOPATH}/src/go.etcd.io/etcd/clientv3/naming/endpoints`
const BUILT = fileURLToPath(new URL('../../.cache/interop/', import.meta.url))
const SOURCES = fileURLToPath(new URL('go/', import.meta.url))
const BUILD_LIMIT_MS = 600_000

/** What `npm run interop` needs, for people. */
export const GO_NEEDED =
  'It needs Go and the sources of its etcd client, on Debian 12 or Ubuntu 22.04 and later: apt-get install golang-go golang-etcd-server-dev'

/** The Go programs of this folder. */
export type GoProgram = 'lock' | 'elect' | 'naming'

/** The `go` on PATH, or that of a versioned package of Debian. */
function findGo(env: NodeJS.ProcessEnv): string | undefined {
  const versioned = existsSync('/usr/lib')
    ? readdirSync('/usr/lib').filter((name) => /^go-\d/.test(name))
    : []
  const folders = [
    ...(env.PATH ?? '').split(delimiter),
    ...versioned.map((name) => join('/usr/lib', name, 'bin')),
  ]
  return folders.map((folder) => join(folder, 'go')).find((path) => existsSync(path))
}

/**
 * Builds the programs with what is installed, without network, and returns the path of one of them.
 *
 * @throws Error that says what to install, or with what the compiler printed
 */
export async function buildGoPrograms(env = process.env): Promise<(program: GoProgram) => string> {
  const go = findGo(env)
  if (go === undefined) throw new Error(`There is no Go on this machine. ${GO_NEEDED}`)
  if (!existsSync(ETCD_CLIENT)) throw new Error(`There is no ${ETCD_CLIENT}. ${GO_NEEDED}`)
  mkdirSync(BUILT, { recursive: true })
  const build = { ...env, GOPATH, GO111MODULE: 'off', GOFLAGS: '', GOCACHE: join(BUILT, 'go-build') }
  for (const name of ['lock', 'elect', 'naming']) {
    const args = ['build', '-o', join(BUILT, name), join(SOURCES, `${name}.go`)]
    const built = await runBounded(go, args, { env: build, timeoutMs: BUILD_LIMIT_MS })
    if (built.code !== 0) throw new Error(`go ${args.join(' ')}: ${built.ending}\n${built.stderr}`)
  }
  return (program) => join(BUILT, program)
}
