import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import {
  describeSeries,
  type EtcdBinaries,
  type EtcdSeries,
  inspectEtcd,
  isWanted,
  programIn,
} from './etcd-binaries.ts'
import { fetchFromApt, readAptSystem } from './fetch-from-apt.ts'
import { fetchFromRelease } from './fetch-from-release.ts'
import { etcdCache, findEtcd } from './find-etcd.ts'

/** Options of {@link getEtcd}. */
export interface GetEtcdOptions {
  /** The series wanted. Default: whichever is found first. */
  readonly version?: EtcdSeries
  /** Where the progress lines go. Default: standard error. */
  readonly say?: (line: string) => void
}

/**
 * An etcd that runs on this machine: from `LIVETREE_ETCD`, PATH or the cache, else fetched into the cache, through
 * apt where there is one, otherwise from the official release. Takes a minute or two at most when it must fetch.
 *
 * @throws Error with every way that was tried and what to do, when none led to an etcd.
 */
export async function getEtcd(options: GetEtcdOptions = {}): Promise<EtcdBinaries> {
  const { version, say = (line: string) => process.stderr.write(`${line}\n`) } = options
  const { found, passedOver } = await findEtcd(version)
  if (found !== undefined) return found
  for (const line of passedOver) say(`Passed over: ${line}.`)
  say(
    `${describeSeries(version)} not found in LIVETREE_ETCD, on PATH or in the cache; fetching it into .cache/etcd …`,
  )
  return await fetchEtcd(version, say)
}

/** Fetches an etcd of the wanted series into the cache, whether or not there is one already. */
async function fetchEtcd(wanted: EtcdSeries | undefined, say: (line: string) => void): Promise<EtcdBinaries> {
  mkdirSync(etcdCache, { recursive: true })
  const workFolder = mkdtempSync(join(etcdCache, '.fetch-'))
  const failures: string[] = []
  try {
    const system = readAptSystem()
    const ways = [
      ...(system === undefined ? [] : [() => fetchFromApt(system, wanted, workFolder, say)]),
      () => fetchFromRelease(wanted, workFolder, say),
    ]
    for (const way of ways) {
      try {
        return await keep(await usable(await way(), wanted), say)
      } catch (error) {
        failures.push((error as Error).message)
      }
    }
  } finally {
    rmSync(workFolder, { recursive: true, force: true })
  }
  throw new Error(
    `No ${describeSeries(wanted)} could be had on this machine.\n${failures.map((line) => `- ${line}`).join('\n')}\n` +
      'Install etcd and etcdctl on PATH, or set LIVETREE_ETCD to the folder that holds both.',
  )
}

async function usable(folder: string, wanted: EtcdSeries | undefined): Promise<EtcdBinaries> {
  const etcd = programIn(folder, 'etcd')
  const seen = etcd === undefined ? `no etcd in ${folder}` : await inspectEtcd(etcd)
  if (typeof seen === 'string') throw new Error(seen)
  if (!isWanted(seen.version, wanted)) throw new Error(`what was fetched is etcd ${seen.version}`)
  return seen
}

/** Moves the programs into the cache in one step, so that another process never sees half of them. */
async function keep(fetched: EtcdBinaries, say: (line: string) => void): Promise<EtcdBinaries> {
  const folder = join(etcdCache, fetched.version)
  const ready = mkdtempSync(join(etcdCache, '.ready-'))
  for (const path of [fetched.etcd, fetched.etcdctl]) cpSync(path, join(ready, basename(path)))
  const there = await inspectEtcd(join(folder, basename(fetched.etcd)))
  if (typeof there === 'string') rmSync(folder, { recursive: true, force: true })
  try {
    renameSync(ready, folder)
  } catch {
    // Another process was quicker, and what it put there is the same.
    rmSync(ready, { recursive: true, force: true })
  }
  say(`etcd ${fetched.version} is in ${relative(process.cwd(), folder) || folder}.`)
  return {
    etcd: join(folder, basename(fetched.etcd)),
    etcdctl: join(folder, basename(fetched.etcdctl)),
    version: fetched.version,
  }
}
