import { readdirSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type EtcdBinaries,
  type EtcdSeries,
  inspectEtcd,
  isWanted,
  newestFirst,
  programIn,
} from './etcd-binaries.ts'

/** Where a fetched etcd is kept: one folder per version, inside the repository and ignored by git. */
export const etcdCache = fileURLToPath(new URL('../../.cache/etcd/', import.meta.url))

/** What was found, and in words what was passed over and why. */
export interface FindResult {
  readonly found: EtcdBinaries | undefined
  readonly passedOver: readonly string[]
}

/**
 * Looks for an etcd of the wanted series without fetching anything: `LIVETREE_ETCD`, then PATH, then the cache.
 *
 * @throws Error when `LIVETREE_ETCD` is set and holds no etcd that runs: an explicit wish is not passed over.
 */
export async function findEtcd(wanted: EtcdSeries | undefined, env = process.env): Promise<FindResult> {
  const passedOver: string[] = []
  const pathFolders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  for (const path of (env.LIVETREE_ETCD ?? '').split(delimiter).filter((part) => part !== '')) {
    const seen = await inspectEtcd(etcdAt(path), pathFolders)
    if (typeof seen === 'string') throw new Error(`LIVETREE_ETCD: ${seen}. Correct it or unset it.`)
    if (isWanted(seen.version, wanted)) return { found: seen, passedOver }
    passedOver.push(`LIVETREE_ETCD is etcd ${seen.version}`)
  }
  for (const folder of pathFolders) {
    const etcd = programIn(folder, 'etcd')
    if (etcd === undefined) continue
    const seen = await inspectEtcd(etcd, pathFolders)
    if (typeof seen !== 'string' && isWanted(seen.version, wanted)) return { found: seen, passedOver }
    passedOver.push(typeof seen === 'string' ? seen : `${etcd} is etcd ${seen.version}`)
  }
  return { found: await findCached(wanted), passedOver }
}

async function findCached(wanted: EtcdSeries | undefined): Promise<EtcdBinaries | undefined> {
  for (const version of cachedVersions().filter((version) => isWanted(version, wanted))) {
    const seen = await inspectEtcd(join(etcdCache, version, 'etcd'))
    if (typeof seen !== 'string') return seen
  }
  return undefined
}

function cachedVersions(): string[] {
  try {
    return readdirSync(etcdCache)
      .filter((name) => /^\d+\.\d+\.\d+$/.test(name))
      .sort(newestFirst)
  } catch {
    return []
  }
}

/** `LIVETREE_ETCD` names the server itself or the folder it is in. */
function etcdAt(path: string): string {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  return isFolder ? (programIn(path, 'etcd') ?? join(path, 'etcd')) : path
}
