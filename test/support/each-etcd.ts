import { createEtcdClient } from '@livetree/etcd'
import { afterAll, beforeEach, describe, inject, onTestFinished, TestRunner, test } from 'vitest'
import { type EtcdSeries, etcdSeries } from '../../scripts/etcd/etcd-binaries.ts'
import { type EmbeddedGap, embeddedGaps } from './embedded-gaps.ts'
import type { EtcdKind } from './etcd-kind.ts'
import type { TestedEtcd } from './global-setup.ts'
import { isLongRun } from './run-length.ts'
import { type EtcdCluster, type StartClusterOptions, startEtcdCluster } from './start-etcd-cluster.ts'
import { type EtcdServer, type StartEtcdOptions, startEtcd } from './start-etcd.ts'

/**
 * The etcd a block of tests runs on. What it starts is closed by itself: after the test that started it, or after the
 * block when `beforeAll` did.
 */
export interface EtcdUnderTest<Kind extends EtcdKind = EtcdKind> {
  readonly kind: Kind
  /** Such as `3.5.30`; known while tests are being defined. Of embedded: the version it behaves as. */
  readonly version: string
  /**
   * Said first in a test, or in a block for all its tests: on an etcd that has it nothing happens, on embedded the
   * test is skipped with the reason in `embedded-gaps.ts`.
   */
  needs(gap: EmbeddedGap): void
  /** Starts a server of this kind. */
  start(options?: Omit<StartEtcdOptions, 'version'>): Promise<EtcdServer>
  /**
   * One server for all tests of a block that leave it running and without users, with no key in it. Its revisions go on.
   * Starting a server takes more time than most tests; what reads a tree's past starts its own.
   */
  emptied(): Promise<EtcdServer>
  /** Starts a cluster of this kind. Default: three members. Such a test says `needs('cluster')`. */
  startCluster(size?: number, options?: Omit<StartClusterOptions, 'version'>): Promise<EtcdCluster>
}

/**
 * Defines the same tests once for every etcd of this run, embedded among them (see `global-setup.ts`). Where an etcd
 * cannot be had, one test says so: it is reported as skipped with the reason, and fails when `CI` is set.
 */
export function eachEtcd(name: string, define: (etcd: EtcdUnderTest) => void): void {
  for (const etcd of testedEtcds(name)) defineOn(etcd, name, define)
}

/**
 * As {@link eachEtcd}, in the short form on one of them, the newest real one of this run: for what is built on calls
 * whose own tests run on all. `npm run test:long` runs it on all.
 */
export function oneEtcd(name: string, define: (etcd: EtcdUnderTest) => void): void {
  const tested = testedEtcds(name)
  const newest = tested.filter(isReal).slice(-1)
  for (const etcd of isLongRun || newest.length === 0 ? tested : newest) defineOn(etcd, name, define)
}

/**
 * As {@link eachEtcd}, in the short form on one of the real ones, which the name of the block decides: for the client and
 * what is built on its calls, whose answers `test/contract` compares on all. `npm run test:long` runs it on all.
 */
export function clientEtcds(name: string, define: (etcd: EtcdUnderTest) => void): void {
  const tested = testedEtcds(name)
  const real = tested.filter(isReal)
  const turn = [...name].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0)
  const one = real[turn % real.length]
  for (const etcd of isLongRun || one === undefined ? tested : [one]) defineOn(etcd, name, define)
}

/** As {@link eachEtcd}, on real ones only: for what compares embedded with them, or measures. */
export function eachRealEtcd(name: string, define: (etcd: EtcdUnderTest<EtcdSeries>) => void): void {
  defineOnReal(testedEtcds(name).filter(isReal), name, define)
}

/** As {@link eachRealEtcd}, in the short form on the newest one only: for what no version of etcd makes different. */
export function oneRealEtcd(name: string, define: (etcd: EtcdUnderTest<EtcdSeries>) => void): void {
  const real = testedEtcds(name).filter(isReal)
  defineOnReal(isLongRun ? real : real.slice(-1), name, define)
}

function defineOnReal(
  real: readonly TestedEtcd<EtcdSeries>[],
  name: string,
  define: (etcd: EtcdUnderTest<EtcdSeries>) => void,
): void {
  for (const etcd of real) defineOn(etcd, name, define)
  if (real.length === 0) {
    test(name, (context) => context.skip('needs a real etcd; LIVETREE_TEST_ETCD names embedded alone'))
  }
}

function testedEtcds(name: string): readonly TestedEtcd[] {
  const tested = inject('testedEtcds')
  if (tested !== undefined) return tested
  throw new Error(`"${name}" needs the global setup of the projects contract and integration`)
}

const isReal = (etcd: TestedEtcd): etcd is TestedEtcd<EtcdSeries> =>
  etcdSeries.some((series) => series === etcd.kind)

function defineOn<Kind extends EtcdKind>(
  etcd: TestedEtcd<Kind>,
  name: string,
  define: (etcd: EtcdUnderTest<Kind>) => void,
): void {
  if ('version' in etcd) {
    const shown = etcd.kind === 'embedded' ? etcd.kind : `etcd ${etcd.version}`
    describe(`${name} [${shown}]`, () => define(underTest(etcd)))
  } else {
    test(`${name} [etcd ${etcd.kind}]: there is an etcd to test on`, (context) => {
      if (etcd.isFailure) throw new Error(etcd.missing)
      context.skip(etcd.missing)
    })
  }
}

function underTest<Kind extends EtcdKind>({ kind, version }: { kind: Kind; version: string }) {
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
  let shared: EtcdServer | undefined
  const etcd: EtcdUnderTest<Kind> = {
    kind,
    version,
    needs: (gap) => {
      if (kind === 'embedded') skip(embeddedGaps[gap])
    },
    start: (options) => keep(startEtcd({ ...options, version: kind })),
    emptied: async () => {
      if (shared === undefined) {
        shared = await startEtcd({ version: kind })
        started.add(shared)
      }
      await using client = createEtcdClient({ endpoints: [shared.endpoint] })
      await client.kv.deleteRange({ prefix: '' })
      return shared
    },
    startCluster: (size = 3, options) => {
      const series: EtcdKind = kind
      if (series === 'embedded')
        throw new Error("embedded forms no cluster: say etcd.needs('cluster') before")
      return keep(startEtcdCluster(size, { ...options, version: series }))
    },
  }
  return etcd
}

/** Ends the running test as skipped; while tests are being defined, it does that with all of the block. */
function skip(reason: string): void {
  const running = TestRunner.getCurrentTest()
  if (running === undefined) beforeEach((context) => context.skip(reason))
  else running.context.skip(reason)
}
