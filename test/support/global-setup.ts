import { type EtcdSeries, etcdSeries } from '../../scripts/etcd/etcd-binaries.ts'
import { findEtcd } from '../../scripts/etcd/find-etcd.ts'
import { getEtcd } from '../../scripts/etcd/get-etcd.ts'
import type { TestProject } from 'vitest/node'

/** One etcd the tests run on, or why they cannot. */
export type TestedEtcd =
  | { readonly series: EtcdSeries; readonly version: string }
  | { readonly series: EtcdSeries; readonly missing: string; readonly isFailure: boolean }

declare module 'vitest' {
  interface ProvidedContext {
    testedEtcds: readonly TestedEtcd[]
  }
}

/**
 * Settles once which etcds the tests run on, and fetches what is missing: those named in `LIVETREE_TEST_ETCD`
 * (`3.4,current`), every series when `CI` is set, otherwise what the machine has, or one fetched.
 */
export default async function setup(project: TestProject): Promise<void> {
  project.provide('testedEtcds', await resolveTestedEtcds())
}

/** Which etcds to test on; see {@link setup}. */
export async function resolveTestedEtcds(env = process.env): Promise<TestedEtcd[]> {
  const isFailure = (env.CI ?? '') !== ''
  const named = (env.LIVETREE_TEST_ETCD ?? '').split(',').filter((name) => name !== '')
  const unknown = named.find((name) => !etcdSeries.some((series) => series === name))
  if (unknown !== undefined)
    throw new Error(`LIVETREE_TEST_ETCD: ${unknown} is none of ${etcdSeries.join(', ')}`)
  const wanted = etcdSeries.filter((series) => named.includes(series) || (named.length === 0 && isFailure))
  if (wanted.length > 0) return await Promise.all(wanted.map((series) => resolve(series, isFailure)))
  const local = await Promise.all(etcdSeries.map((series) => findEtcd(series)))
  if (local.some(({ found }) => found !== undefined)) {
    return etcdSeries.flatMap((series, index) => {
      const found = local[index]?.found
      return found === undefined ? [] : [{ series, version: found.version }]
    })
  }
  // Nothing here: the series that is easiest to get will do.
  const tried = await Promise.all([resolve('current', isFailure)])
  return tried[0] !== undefined && 'version' in tried[0] ? tried : [await resolve('3.4', isFailure)]
}

async function resolve(series: EtcdSeries, isFailure: boolean): Promise<TestedEtcd> {
  try {
    return { series, version: (await getEtcd({ version: series })).version }
  } catch (error) {
    return { series, missing: (error as Error).message, isFailure }
  }
}
