import { delimiter } from 'node:path'
import { describe, inject, test } from 'vitest'
import { etcdSeries, programIn } from '../../scripts/etcd/etcd-binaries.ts'
import { findEtcd } from '../../scripts/etcd/find-etcd.ts'
import { getEtcd } from '../../scripts/etcd/get-etcd.ts'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { isLongRun } from './run-length.ts'

/** An `etcdctl` that runs on this machine. */
export interface Etcdctl {
  readonly path: string
  /** Such as `3.4.23`. */
  readonly version: string
}

/**
 * Every `etcdctl` that is here, one of each version: beside the etcds that are found, and on PATH, where it may be
 * without a server. With `CI` set, those of every series, fetched where they are missing.
 */
export async function findEtcdctls(env = process.env): Promise<Etcdctl[]> {
  const isComplete = (env.CI ?? '') !== ''
  const ofSeries = await Promise.all(
    etcdSeries.map(async (version) =>
      isComplete ? (await getEtcd({ version })).etcdctl : (await findEtcd(version)).found?.etcdctl,
    ),
  )
  const onPath = (env.PATH ?? '').split(delimiter).flatMap((folder) => programIn(folder, 'etcdctl') ?? [])
  const byVersion = new Map<string, Etcdctl>()
  for (const path of [...ofSeries, ...onPath]) {
    if (path === undefined) continue
    const shown = await runBounded(path, ['version'], {
      timeoutMs: 20_000,
      env: { ...env, ETCDCTL_API: '3' },
    })
    const version = /etcdctl version: (\d+\.\d+\.\d+)/.exec(shown.stdout)?.[1]
    if (version !== undefined && !byVersion.has(version)) byVersion.set(version, { path, version })
  }
  return [...byVersion.values()]
}

/**
 * Defines the same tests for every `etcdctl` of this run, in the short form for the newest one; one is skipped in their place where
 * there is none. Each call of it is a process of its own. `npm run test:long` runs them all.
 */
export function eachEtcdctl(name: string, define: (etcdctl: Etcdctl) => void): void {
  const all = inject('testedEtcdctls')
  const byAge = all.toSorted((a, b) => a.version.localeCompare(b.version, 'en', { numeric: true }))
  const found = isLongRun ? byAge : byAge.slice(-1)
  for (const etcdctl of found) describe(`${name} [etcdctl ${etcdctl.version}]`, () => define(etcdctl))
  if (found.length === 0) test(name, (context) => context.skip('there is no etcdctl on this machine'))
}
