import { createEtcdClient } from '@livetree/etcd'
import { startEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { type BenchProcess, startBenchProcess } from './support/bench-process.ts'
import { serviceLeaves } from './support/bench-tree.ts'
import { fillTree } from './support/fill-tree.ts'
import { type Timing, timing } from './support/measure.ts'
import { publish } from './support/report.ts'
import type { SeenAt } from './support/report-seen.ts'
import type { Ratio } from './support/ratio.ts'
import { sharedNow } from './support/shared-clock.ts'

const PROCESSES = amount(20, 2)
const WATCHERS = amount(100, 3)
const ROUNDS = amount(100, 1)
const WARM_UPS = amount(5, 0)
const script = new URL('./support/fan-out-watcher.ts', import.meta.url)

/** 2,000 watchers, and what was measured of them, in milliseconds. */
interface Fleet {
  readonly kind: 'live' | 'bare'
  readonly root: string
  readonly processes: readonly BenchProcess[]
  /** For each put, until the last watcher had it. */
  readonly convergence: number[]
  /** For each put and each watcher. */
  readonly all: number[]
}

async function start(kind: Fleet['kind'], endpoint: string, connections: string): Promise<Fleet> {
  const root = `/bench/${kind}`
  const processes: BenchProcess[] = []
  // two at a time, as many as there are cores: a fleet that starts at once only waits for itself
  for (let started = 0; started < PROCESSES; started += 2) {
    const args = [kind, endpoint, root, String(WATCHERS), connections]
    processes.push(...(await Promise.all([1, 2].map(() => startBenchProcess(script, args)))))
  }
  return { kind, root, processes, convergence: [], all: [] }
}

/** With a connection for each watcher, or one for each process. */
async function measure(connections: 'own' | 'shared'): Promise<{ fleets: Fleet[]; version: string }> {
  await using server = await startEtcd()
  await using client = createEtcdClient({ endpoints: [server.endpoint] })
  for (const kind of ['live', 'bare']) await fillTree(client, `/bench/${kind}`, serviceLeaves('bench'))
  const fleets = [
    await start('live', server.endpoint, connections),
    await start('bare', server.endpoint, connections),
  ]
  let value = 0
  const put = async ({ root, processes, convergence, all }: Fleet) => {
    const text = `note ${value++}`
    await Promise.all(processes.map((one) => one.ask(text)))
    const seen = processes.map((one) => one.next())
    const sentAt = sharedNow()
    await client.kv.put(`${root}/note`, text)
    const times = ((await Promise.all(seen)) as SeenAt[]).flat().map((at) => at - sentAt)
    all.push(...times)
    convergence.push(Math.max(...times))
  }
  try {
    for (let round = -WARM_UPS; round < ROUNDS; round++) {
      for (const fleet of round % 2 === 0 ? fleets : fleets.toReversed()) await put(fleet)
      if (round === -1) for (const { convergence, all } of fleets) convergence.length = all.length = 0
    }
  } finally {
    await Promise.all(fleets.flatMap(({ processes }) => processes.map((one) => one.close())))
  }
  return { fleets, version: server.version }
}

const timings: Timing[] = []
const ratios: Ratio[] = []
let version = ''
for (const connections of ['own', 'shared'] as const) {
  const measured = await measure(connections)
  version = measured.version
  const where = connections === 'own' ? 'a connection each' : 'a connection for each process'
  const [live, bare] = measured.fleets.map(({ kind, convergence, all }) => {
    const name = `${where}: ${kind === 'live' ? 'livetree' : 'bare watch'}`
    const both = {
      convergence: timing(`${name}, all have it`, convergence),
      each: timing(`${name}, one has it`, all),
    }
    timings.push(both.convergence, both.each)
    return both
  })
  ratios.push(
    {
      what: `${where}: p99 of convergence`,
      value: live!.convergence.p99 / bare!.convergence.p99,
      aim: 1.2,
    },
    { what: `${where}: median of convergence`, value: live!.convergence.median / bare!.convergence.median },
  )
}

publish({
  bench: 'fan-out',
  etcd: version,
  method:
    `${(PROCESSES * WATCHERS).toLocaleString('en')} live configurations of ten leaves in ${PROCESSES} processes, and as many bare gRPC watches on node:http2 in ${PROCESSES} others, on one etcd. ` +
    `Time from sending a put until all handlers have run, or all bare watches have decoded the event, by the clock that all processes share. ${ROUNDS} puts for each, in turns, each seen by one of the two fleets while the other is idle. ` +
    'With a connection for each watcher, as 2,000 services have them; and with one connection for each process, where livetree has one stream for all its watches and the bare watches have one stream each.',
  timings,
  ratios,
})
