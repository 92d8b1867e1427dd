import { createEtcdClient } from '@livetree/etcd'
import { startEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { type BenchProcess, startBenchProcess } from './support/bench-process.ts'
import { burstShapes } from './support/burst-shapes.ts'
import type { WatcherAnswer } from './support/burst-watcher.ts'
import type { BurstDone, BurstOrder } from './support/burst-writer.ts'
import { fillTree } from './support/fill-tree.ts'
import { type Timing, timing } from './support/measure.ts'
import { publish } from './support/report.ts'
import type { Ratio } from './support/ratio.ts'

const PUTS = amount(10_000, 200)
const SIZES = amount({ record: 10_000, tree: 10_000 }, { record: 100, tree: 100 })
const SINGLE_PUTS = amount(200, 10)
const IN_FLIGHT = 256
/**
 * Bursts of each kind: some for when the last state is there, some for how long the event loop is blocked.
 */
const ROUNDS = amount(3, 1)

await using server = await startEtcd()
await using client = createEtcdClient({ endpoints: [server.endpoint] })
await using cleanup = new AsyncDisposableStack()

/**
 * One watcher in a process of its own, on a directory of its own, and what was measured of it, in
 * milliseconds.
 */
interface Watcher {
  readonly kind: 'live' | 'bare'
  readonly shape: keyof typeof burstShapes
  readonly root: string
  readonly process: BenchProcess
  readonly afterLast: number[]
  readonly afterFirst: number[]
  readonly longest: number[]
  readonly single: number[]
}

const writer = await start('burst-writer', [server.endpoint])
const watchers: Watcher[] = []
for (const shape of ['record', 'tree'] as const) {
  for (const kind of ['live', 'bare'] as const) {
    const root = `/bench/${kind}/${shape}`
    await fillTree(client, root, burstShapes[shape].leaves(SIZES[shape]))
    const process = await start('burst-watcher', [kind, server.endpoint, root, shape])
    watchers.push({ kind, shape, root, process, afterLast: [], afterFirst: [], longest: [], single: [] })
  }
}

async function start(script: string, args: readonly string[]): Promise<BenchProcess> {
  const started = await startBenchProcess(new URL(`./support/${script}.ts`, import.meta.url), args)
  cleanup.defer(() => started.close())
  return started
}

let valuesFrom = 10_000
/** Puts and waits until the watcher has seen the last of them. */
async function put({ shape, root, process }: Watcher, count: number, inFlight: number) {
  const order: BurstOrder = { shape, root, size: SIZES[shape], count, inFlight, from: valuesFrom }
  valuesFrom += count
  const done = (await writer.ask(order)) as BurstDone
  return { ...done, ...((await process.ask({ until: done.revision })) as WatcherAnswer) }
}

async function burst(watcher: Watcher): Promise<void> {
  const { firstSentAt, lastSentAt, seenAt } = await put(watcher, PUTS, IN_FLIGHT)
  watcher.afterLast.push(seenAt - lastSentAt)
  watcher.afterFirst.push(seenAt - firstSentAt)
}

async function measureTurns(watcher: Watcher): Promise<void> {
  await watcher.process.ask({ meter: true })
  const { markedMs } = await put(watcher, SINGLE_PUTS, 1)
  watcher.single.push(...markedMs)
  await watcher.process.ask({ meter: true })
  const { longestMs } = await put(watcher, PUTS, IN_FLIGHT)
  watcher.longest.push(longestMs)
}

for (let round = 0; round < ROUNDS; round++) {
  for (const watcher of round % 2 === 0 ? watchers : watchers.toReversed()) await burst(watcher)
  for (const watcher of round % 2 === 0 ? watchers : watchers.toReversed()) await measureTurns(watcher)
}

const timings: Timing[] = []
const ratios: Ratio[] = []
for (const shape of ['record', 'tree'] as const) {
  const where = shape === 'record' ? 'one record' : 'a tree'
  const [live, bare] = (['live', 'bare'] as const).map((kind) => {
    const { afterLast, afterFirst, longest, single } = watchers.find(
      (one) => one.kind === kind && one.shape === shape,
    )!
    const name = `${where}: ${kind === 'live' ? 'livetree' : 'bare watch'}`
    const all = {
      afterLast: timing(`${name}, last state after the last put was sent`, afterLast),
      afterFirst: timing(`${name}, last state after the first put was sent`, afterFirst),
      longest: timing(`${name}, longest turn of the event loop in a burst`, longest),
      single: timing(`${name}, a turn with one put`, single),
    }
    timings.push(...Object.values(all))
    return all
  })
  ratios.push(
    {
      what: `${where}: last state after the last put, against the bare watch`,
      value: live!.afterLast.median / bare!.afterLast.median,
      aim: 1.2,
    },
    {
      what: `${where}: last state after the first put, against the bare watch`,
      value: live!.afterFirst.median / bare!.afterFirst.median,
    },
    {
      what: `${where}: longest turn of the event loop, against one apply`,
      value: live!.longest.median / live!.single.median,
      aim: 5,
    },
    {
      what: `${where}: longest turn, against the longest of the bare watch`,
      value: live!.longest.median / bare!.longest.median,
    },
  )
}

publish({
  bench: 'burst',
  etcd: server.version,
  method:
    `${PUTS.toLocaleString('en')} puts from a separate process, ${IN_FLIGHT} in progress at any time, each with a new value: on one record of ${SIZES.record.toLocaleString('en')} entries, or spread over a tree of ${SIZES.tree.toLocaleString('en')} leaves. ` +
    'livetree (a watch() handler on the whole) and the bare gRPC watch on node:http2 run in separate processes and take turns; each sees only its own bursts. Times are by the clock that all processes share. ' +
    `Turns of the event loop are measured in additional bursts, by the CPU time of the thread, which other processes do not lengthen; garbage collection counts. One apply is a turn in which a single put is read from the socket, applied and passed to the handler: the median of ${SINGLE_PUTS} per round.`,
  timings,
  ratios,
})
