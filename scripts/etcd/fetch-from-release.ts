import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EtcdSeries } from './etcd-binaries.ts'
import { runBounded } from './run-bounded.ts'

/** Where the project publishes its releases; each holds the archives and a file `SHA256SUMS` for all of them. */
const releases = 'https://github.com/etcd-io/etcd/releases/download'

/** The release taken for each series. */
export const releaseVersions: Readonly<Record<EtcdSeries, string>> = { '3.4': '3.4.44', current: '3.5.30' }

/**
 * Fetches the official release archive for this platform into `workFolder`, compares it with the SHA-256 in the
 * release's own `SHA256SUMS`, and unpacks it. Returns the folder that holds `etcd` and `etcdctl`.
 *
 * @throws Error when the platform has no release, the download fails, or the sum differs.
 */
export async function fetchFromRelease(
  wanted: EtcdSeries | undefined,
  workFolder: string,
  say: (line: string) => void,
  releasesUrl = releases,
): Promise<string> {
  const version = releaseVersions[wanted ?? 'current']
  const platform = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform as string]
  const architecture = { x64: 'amd64', arm64: 'arm64', ppc64: 'ppc64le', s390x: 's390x' }[
    process.arch as string
  ]
  if (platform === undefined || architecture === undefined) {
    throw new Error(`etcd publishes no release for ${process.platform} ${process.arch}`)
  }
  const name = `etcd-v${version}-${platform}-${architecture}`
  const archive = name + (platform === 'linux' ? '.tar.gz' : '.zip')
  say(`  fetching the official release ${archive} …`)
  const sums = (await download(`${releasesUrl}/v${version}/SHA256SUMS`, 30_000)).toString('utf8')
  const content = await download(`${releasesUrl}/v${version}/${archive}`, 300_000)
  const expected = sums
    .split('\n')
    .find((line) => line.trim().endsWith(archive))
    ?.slice(0, 64)
  const actual = createHash('sha256').update(content).digest('hex')
  if (actual !== expected) {
    throw new Error(
      `${archive} has SHA-256 ${actual}, but the release's SHA256SUMS says ${expected}; not used`,
    )
  }
  mkdirSync(workFolder, { recursive: true })
  writeFileSync(join(workFolder, archive), content)
  // bsdtar, which is what macOS and Windows call tar, reads zip files too.
  const unpack = await runBounded('tar', ['-xf', archive], { cwd: workFolder })
  if (unpack.code !== 0) throw new Error(`tar -xf ${archive}: ${unpack.ending}: ${unpack.stderr.trim()}`)
  return join(workFolder, name)
}

async function download(url: string, timeoutMs: number): Promise<Buffer> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
    if (!response.ok) throw new Error(`HTTP status ${response.status}`)
    return Buffer.from(await response.arrayBuffer())
  } catch (error) {
    const { message, cause } = error as Error
    throw new Error(`cannot download ${url}: ${cause instanceof Error ? cause.message : message}`, {
      cause: error,
    })
  }
}
