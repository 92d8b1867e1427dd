import type { TestProject } from 'vitest/node'
import { etcdSeries } from '../../scripts/etcd/etcd-binaries.ts'
import { findEtcd } from '../../scripts/etcd/find-etcd.ts'
import { type Etcdctl, findEtcdctls } from './etcdctls.ts'
import { type EtcdKind, etcdKinds, getEtcdOfKind } from './etcd-kind.ts'

/** One etcd the tests run on, or why they cannot. */
export type TestedEtcd<Kind extends EtcdKind = EtcdKind> =
  | { readonly kind: Kind; readonly version: string }
  | { readonly kind: Kind; readonly missing: string; readonly isFailure: boolean }

declare module 'vitest' {
  interface ProvidedContext {
    testedEtcds: readonly TestedEtcd[]
    testedEtcdctls: readonly Etcdctl[]
  }
}

/**
 * Settles once which etcds the tests run on, and fetches what is missing: those named in `LIVETREE_TEST_ETCD`
 * (`3.4,current,embedded`), every one when `CI` is set, otherwise embedded and what the machine has, or one fetched.
 */
export default async function setup(project: TestProject): Promise<void> {
  project.provide('testedEtcds', await resolveTestedEtcds())
  // Afterwards, for that may have fetched one.
  project.provide('testedEtcdctls', await findEtcdctls())
}

/** Which etcds to test on; see the setup above. */
export async function resolveTestedEtcds(env = process.env): Promise<TestedEtcd[]> {
  const isFailure = (env.CI ?? '') !== ''
  const named = (env.LIVETREE_TEST_ETCD ?? '').split(',').filter((name) => name !== '')
  const unknown = named.find((name) => !etcdKinds.some((kind) => kind === name))
  if (unknown !== undefined)
    throw new Error(`LIVETREE_TEST_ETCD: ${unknown} is none of ${etcdKinds.join(', ')}`)
  const wanted = etcdKinds.filter((kind) => named.includes(kind) || (named.length === 0 && isFailure))
  if (wanted.length > 0) return await Promise.all(wanted.map((kind) => resolve(kind, isFailure)))
  const real = await resolveFound()
  return [...real, await resolve('embedded', isFailure)]
}

/** The real ones that are here already; where there is none, the one that is easiest to get. */
async function resolveFound(): Promise<TestedEtcd[]> {
  const local = await Promise.all(etcdSeries.map((series) => findEtcd(series)))
  if (local.some(({ found }) => found !== undefined)) {
    return etcdSeries.flatMap((kind, index) => {
      const found = local[index]?.found
      return found === undefined ? [] : [{ kind, version: found.version }]
    })
  }
  const tried = await resolve('current', false)
  return ['version' in tried ? tried : await resolve('3.4', false)]
}

async function resolve(kind: EtcdKind, isFailure: boolean): Promise<TestedEtcd> {
  try {
    return { kind, version: (await getEtcdOfKind(kind)).version }
  } catch (error) {
    return { kind, missing: (error as Error).message, isFailure }
  }
}
