import { delimiter, join } from 'node:path'
import { programIn } from '../etcd/etcd-binaries.ts'
import { ownPackages } from '../etcd/own-packages.ts'

/** Paths of an installed Prometheus. */
export interface PrometheusPrograms {
  /** Path of the server. */
  readonly prometheus: string
  /** Path of the tool that checks and tests rules. */
  readonly promtool: string
}

/**
 * A Prometheus that runs on this machine: from PATH, else the Debian package `prometheus`, fetched into the cache.
 *
 * @throws Error that says what is missing
 */
export async function getPrometheus(): Promise<PrometheusPrograms> {
  for (const folder of (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')) {
    const found = programsIn(folder)
    if (found !== undefined) return found
  }
  const fetched = programsIn(join(await ownPackages('prometheus', ['prometheus']), 'usr/bin'))
  if (fetched === undefined) throw new Error('The package prometheus has no prometheus and promtool.')
  return fetched
}

function programsIn(folder: string): PrometheusPrograms | undefined {
  const [prometheus, promtool] = [programIn(folder, 'prometheus'), programIn(folder, 'promtool')]
  return prometheus === undefined || promtool === undefined ? undefined : { prometheus, promtool }
}
