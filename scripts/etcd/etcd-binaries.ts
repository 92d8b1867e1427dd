import { accessSync, constants, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runBounded } from './run-bounded.ts'

/** The etcd versions livetree is tested on: the last of the 3.4 line, and anything from 3.5 on. */
export type EtcdSeries = '3.4' | 'current'

/** Every series, oldest first. */
export const etcdSeries: readonly EtcdSeries[] = ['3.4', 'current']

/** Paths of one installed etcd that were seen to run here. */
export interface EtcdBinaries {
  /** Path of the server. */
  readonly etcd: string
  /** Path of the command-line client. */
  readonly etcdctl: string
  /** What the server says of itself, such as `3.5.30`. */
  readonly version: string
}

const suffix = process.platform === 'win32' ? '.exe' : ''

/** The series a version belongs to, or `undefined` for one livetree does not support. */
export function seriesOf(version: string): EtcdSeries | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major === 3 && minor === 4) return '3.4'
  return major > 3 || (major === 3 && minor >= 5) ? 'current' : undefined
}

/** Whether a version is the wanted series; any supported one when none is named. */
export function isWanted(version: string, wanted: EtcdSeries | undefined): boolean {
  const series = seriesOf(version)
  return series !== undefined && (wanted === undefined || series === wanted)
}

/** The series in words, for messages. */
export function describeSeries(wanted: EtcdSeries | undefined): string {
  return wanted === undefined ? 'etcd 3.4 or later' : wanted === '3.4' ? 'etcd 3.4' : 'etcd 3.5 or later'
}

/** Says how to sort versions, newest first. */
export function newestFirst(a: string, b: string): number {
  return b.localeCompare(a, 'en', { numeric: true })
}

/** The path of a program in a folder, when a file that may be run is there. */
export function programIn(folder: string, name: string): string | undefined {
  const path = join(folder, name + suffix)
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile() ? path : undefined
  } catch {
    return undefined
  }
}

/**
 * Looks at one etcd: starts it with `--version`, and finds the `etcdctl` beside it or in one of the other folders.
 * Returns words about what is missing instead when it cannot be used.
 */
export async function inspectEtcd(
  etcd: string,
  otherFolders: readonly string[] = [],
): Promise<EtcdBinaries | string> {
  const shown = await runBounded(etcd, ['--version'], { timeoutMs: 20_000 })
  const version = /etcd Version: (\d+\.\d+\.\d+)/.exec(shown.stdout)?.[1]
  if (version === undefined) {
    return `${etcd} --version did not tell a version (${shown.ending}): ${(shown.stderr || shown.stdout).trim().slice(0, 400)}`
  }
  for (const folder of [dirname(etcd), ...otherFolders]) {
    const etcdctl = programIn(folder, 'etcdctl')
    if (etcdctl !== undefined) return { etcd, etcdctl, version }
  }
  return `${etcd} has no etcdctl beside it`
}
