import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeSeries, type EtcdSeries, isWanted, newestFirst } from './etcd-binaries.ts'
import { type RunResult, runBounded } from './run-bounded.ts'

/** The suites that carry each series. The machine's own suite is asked first unless it is listed under the other series. */
const suites: Readonly<Record<string, Readonly<Record<EtcdSeries, readonly string[]>>>> = {
  debian: { '3.4': ['bookworm'], current: ['forky', 'sid', 'trixie'] },
  ubuntu: { '3.4': ['noble'], current: ['resolute', 'questing', 'plucky'] },
}

const components: Readonly<Record<string, string>> = { debian: 'main', ubuntu: 'main universe' }

/** The Debian-like system this machine runs, or `undefined`: then apt is not asked. */
export function readAptSystem(osRelease = '/etc/os-release', aptGet = '/usr/bin/apt-get') {
  if (!existsSync(osRelease) || !existsSync(aptGet)) return undefined
  const field = (name: string) =>
    new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(readFileSync(osRelease, 'utf8'))?.[1]
  const ids = [field('ID') ?? '', ...(field('ID_LIKE') ?? '').split(' ')]
  const id = ids.find((name) => name === 'ubuntu') ?? ids.find((name) => name === 'debian')
  const codename = field('UBUNTU_CODENAME') ?? field('VERSION_CODENAME') ?? ''
  return id === undefined ? undefined : { id, codename }
}

/** A Debian or Ubuntu release, as `/etc/os-release` names it. */
export type AptSystem = NonNullable<ReturnType<typeof readAptSystem>>

/**
 * Fetches etcd's own package files through apt and unpacks them into `workFolder`, with lists and cache of its own
 * there: no root, nothing installed, the system's apt state untouched. Returns the folder that holds `etcd` and
 * `etcdctl`.
 *
 * @throws Error that lists what each suite answered.
 */
export async function fetchFromApt(
  system: AptSystem,
  wanted: EtcdSeries | undefined,
  workFolder: string,
  say: (line: string) => void,
): Promise<string> {
  const failures: string[] = []
  const until = Date.now() + 180_000
  for (const suite of suitesToAsk(system, wanted)) {
    try {
      if (Date.now() > until) throw new Error('not asked, three minutes are over')
      const isOwn = suite === system.codename
      say(
        `  asking ${isOwn ? "the machine's own package sources" : `suite ${suite} of the machine's mirror`} …`,
      )
      const apt = openPrivateApt(join(workFolder, suite), isOwn ? undefined : await sourceLine(system, suite))
      return await fetchPackages(apt, wanted, say)
    } catch (error) {
      failures.push(`suite ${suite} ${(error as Error).message}`)
    }
  }
  throw new Error(`apt gave no ${describeSeries(wanted)}:${failures.map((line) => `\n    ${line}`).join('')}`)
}

/**
 * Fetches the newest package files of the machine's own release, and unpacks them into `root` in `workFolder`, as
 * {@link fetchFromApt} does.
 *
 * @throws Error if apt does not have them
 */
export async function fetchOwnPackages(packages: readonly string[], workFolder: string): Promise<void> {
  const apt = openPrivateApt(workFolder, undefined)
  // A source that cannot be asked makes this fail although the needed lists are there.
  await apt.run('apt-get', 'update', '-q')
  await unpackPackages(apt, packages)
}

function suitesToAsk(system: AptSystem, wanted: EtcdSeries | undefined): string[] {
  const known = suites[system.id] ?? { '3.4': [], current: [] }
  if (wanted === undefined) return [...new Set([system.codename, ...known['3.4'], ...known.current])]
  const other = known[wanted === '3.4' ? 'current' : '3.4']
  const own = other.includes(system.codename) ? [] : [system.codename]
  return [...new Set([...own, ...known[wanted]])]
}

/** An apt that keeps its lists and downloads in a folder of ours, and takes all other settings from the machine. */
function openPrivateApt(folder: string, source: string | undefined) {
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'sources.list.d', 'files']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  const settings = {
    'Dir::State': join(folder, 'state'),
    'Dir::Cache': join(folder, 'cache'),
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
    ...(source === undefined
      ? {}
      : {
          'Dir::Etc::sourcelist': join(folder, 'sources.list'),
          'Dir::Etc::sourceparts': join(folder, 'sources.list.d'),
        }),
  }
  if (source !== undefined) writeFileSync(join(folder, 'sources.list'), `${source}\n`)
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  return {
    folder,
    run: (program: string, ...args: string[]) =>
      runBounded(program, [...args, ...options], {
        cwd: join(folder, 'files'),
        env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
        timeoutMs: 90_000,
      }),
  }
}

async function fetchPackages(
  apt: ReturnType<typeof openPrivateApt>,
  wanted: EtcdSeries | undefined,
  say: (line: string) => void,
): Promise<string> {
  // One broken source among several makes update fail although the lists we need are there: go on and see.
  const update = await apt.run('apt-get', 'update', '-q')
  const listed = await apt.run('apt-cache', 'madison', 'etcd-server')
  const versions = [...listed.stdout.matchAll(/^\s*etcd-server \|\s*(\S+)/gm)].map((match) => match[1] ?? '')
  const version = versions.filter((version) => isWanted(version, wanted)).sort(newestFirst)[0]
  if (version === undefined) {
    if (versions.length > 0) throw new Error(`has only etcd ${versions.join(', ')}`)
    throw new Error(`has no package etcd-server (apt-get update: ${words(update)})`)
  }
  say(`  fetching the package files of etcd ${version} …`)
  return await unpackPackages(apt, [`etcd-server=${version}`, `etcd-client=${version}`])
}

/** Downloads package files and unpacks them. Returns the folder of their programs. */
async function unpackPackages(
  apt: ReturnType<typeof openPrivateApt>,
  packages: readonly string[],
): Promise<string> {
  const download = await apt.run('apt-get', 'download', '-q', ...packages)
  if (download.code !== 0) throw new Error(`apt-get download ${packages.join(' ')}: ${words(download)}`)
  const files = join(apt.folder, 'files')
  for (const name of readdirSync(files).filter((name) => name.endsWith('.deb'))) {
    const unpack = await runBounded('dpkg-deb', ['-x', join(files, name), join(apt.folder, 'root')])
    if (unpack.code !== 0) throw new Error(`dpkg-deb -x ${name}: ${words(unpack)}`)
  }
  return join(apt.folder, 'root/usr/bin')
}

/** A sources entry for another suite of the mirror the machine already uses, checked with the distribution's keyring. */
async function sourceLine(system: AptSystem, suite: string): Promise<string> {
  const shown = await runBounded('apt-get', ['update', '--print-uris'], {
    env: { ...process.env, LC_ALL: 'C' },
  })
  const entries = [...shown.stdout.matchAll(/^'([^']+)\/dists\/([^/']+)\/InRelease'/gm)]
  const mirror = (entries.find((entry) => entry[2] === system.codename) ?? entries[0])?.[1]
  if (mirror === undefined) throw new Error(`no mirror in the machine's apt settings (${words(shown)})`)
  const keyring = ['pgp', 'gpg']
    .map((ending) => `/usr/share/keyrings/${system.id}-archive-keyring.${ending}`)
    .find((path) => existsSync(path))
  const signedBy = keyring === undefined ? '' : `signed-by=${keyring} `
  return `deb [${signedBy}targets=Packages] ${mirror} ${suite} ${components[system.id] ?? 'main'}`
}

function words(result: RunResult): string {
  const lines = `${result.stderr}\n${result.stdout}`.split('\n').filter((line) => /^[EW]:|error/i.test(line))
  return [result.ending, ...lines.slice(0, 2)].join('; ').slice(0, 400)
}
