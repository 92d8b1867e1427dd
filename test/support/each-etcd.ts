import { afterAll, describe, inject, onTestFinished, TestRunner, test } from 'vitest'
import type { EtcdSeries } from '../../scripts/etcd/etcd-binaries.ts'
import { type EtcdCluster, type StartClusterOptions, startEtcdCluster } from './start-etcd-cluster.ts'
import { type EtcdServer, type StartEtcdOptions, startEtcd } from './start-etcd.ts'

/**
 * The etcd a block of tests runs on. What it starts is closed by itself: after the test that started it, or after the
 * block when `beforeAll` did.
 */
export interface EtcdUnderTest {
  readonly series: EtcdSeries
  /** Such as `3.5.30`; known while tests are being defined. */
  readonly version: string
  /** Starts a server of this version. */
  start(options?: Omit<StartEtcdOptions, 'version'>): Promise<EtcdServer>
  /** Starts a cluster of this version. Default: three members. */
  startCluster(size?: number, options?: Omit<StartClusterOptions, 'version'>): Promise<EtcdCluster>
}

/**
 * Defines the same tests once for every etcd of this run (see `global-setup.ts`). Where an etcd cannot be had, one
 * test says so: it is reported as skipped with the reason, and fails when `CI` is set.
 */
export function eachEtcd(name: string, define: (etcd: EtcdUnderTest) => void): void {
  const tested = inject('testedEtcds')
  if (tested === undefined) {
    throw new Error(`eachEtcd("${name}") needs the global setup of the projects contract and integration`)
  }
  for (const etcd of tested) {
    if ('version' in etcd) {
      describe(`${name} [etcd ${etcd.version}]`, () => define(underTest(etcd)))
    } else {
      test(`${name} [etcd ${etcd.series}]: there is an etcd to test on`, (context) => {
        if (etcd.isFailure) throw new Error(etcd.missing)
        context.skip(etcd.missing)
      })
    }
  }
}

function underTest({ series, version }: { series: EtcdSeries; version: string }): EtcdUnderTest {
  const started = new Set<AsyncDisposable>()
  const keep = async <Started extends AsyncDisposable>(starting: Promise<Started>) => {
    const one = await starting
    if (TestRunner.getCurrentTest() === undefined) started.add(one)
    else onTestFinished(() => one[Symbol.asyncDispose]())
    return one
  }
  afterAll(async () => {
    for (const one of started) await one[Symbol.asyncDispose]()
  })
  return {
    series,
    version,
    start: (options) => keep(startEtcd({ ...options, version: series })),
    startCluster: (size = 3, options) => keep(startEtcdCluster(size, { ...options, version: series })),
  }
}
