import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programIn } from '../etcd/etcd-binaries.ts'
import { fetchOwnPackages, readAptSystem } from '../etcd/fetch-from-apt.ts'

/** Paths of an installed Prometheus. */
export interface PrometheusPrograms {
  /** Path of the server. */
  readonly prometheus: string
  /** Path of the tool that checks and tests rules. */
  readonly promtool: string
}

const cache = fileURLToPath(new URL('../../.cache/prometheus/', import.meta.url))

/**
 * A Prometheus that runs on this machine: from PATH or the cache, else the Debian package `prometheus`, fetched into the cache
 * through apt. Nothing is installed.
 *
 * @throws Error that says what is missing
 */
export async function getPrometheus(): Promise<PrometheusPrograms> {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''), cache]
  for (const folder of folders) {
    const found = programsIn(folder)
    if (found !== undefined) return found
  }
  if (readAptSystem() === undefined)
    throw new Error(
      'There is no Prometheus on PATH, and no apt to fetch it with: install prometheus and promtool.',
    )
  return await fetchPrometheus()
}

async function fetchPrometheus(): Promise<PrometheusPrograms> {
  mkdirSync(join(cache, '..'), { recursive: true })
  const work = mkdtempSync(join(cache, '..', 'fetch-prometheus-'))
  try {
    const fetched = programsIn(await fetchOwnPackages(['prometheus'], work))
    if (fetched === undefined) throw new Error('The package prometheus has no prometheus and promtool.')
    const ready = join(work, 'ready')
    for (const [name, path] of Object.entries(fetched)) cpSync(path, join(ready, name))
    try {
      renameSync(ready, cache)
    } catch (error) {
      // Another process has put one there meanwhile.
      if (programsIn(cache) === undefined) throw error
    }
    return programsIn(cache)!
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function programsIn(folder: string): PrometheusPrograms | undefined {
  const [prometheus, promtool] = [programIn(folder, 'prometheus'), programIn(folder, 'promtool')]
  return prometheus === undefined || promtool === undefined ? undefined : { prometheus, promtool }
}
