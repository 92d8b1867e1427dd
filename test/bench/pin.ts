import autocannon from 'autocannon'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Contender, race, timing } from './support/measure.ts'
import type { PinBenchApp } from './support/pin-server.ts'
import { publish, type Ratio } from './support/report.ts'

/**
 * What the pin and the live middleware cost on a route that does nothing else: the same app with and without, each in a
 * process of its own, loaded in turns. Its share of the throughput, and of the processor's time per request, which
 * other work on the machine disturbs less.
 */
const requests = 15_000
const rounds = 15
const pairs: readonly [without: PinBenchApp, withIt: PinBenchApp, aim?: number][] = [
  ['express', 'express + configMiddleware', 0.95],
  ['express', 'express + configMiddleware + live', 0.95],
  ['express', 'express + a middleware that does nothing'],
  ['fastify', 'fastify + livetree', 0.95],
  ['nestjs', 'nestjs + LivetreeModule', 0.95],
]

interface BenchServer extends Contender {
  readonly name: PinBenchApp
  /** Processor time of each round, in milliseconds. */
  readonly cpuMs: number[]
  readonly child: ChildProcess
}

const servers = await Promise.all([...new Set(pairs.flatMap(([a, b]) => [a, b]))].map(start))
const times = await race(servers, rounds)
for (const { child } of servers) child.disconnect()

const cpuTimes = servers.map(({ name, cpuMs }) => timing(`${name}: processor`, cpuMs.slice(-rounds)))
const medianOf = (name: string) => [...times, ...cpuTimes].find((time) => time.name === name)!.median
const ratios = pairs.flatMap(([without, withIt, aim]): Ratio[] => [
  {
    what: `throughput of ${withIt}, as a share of ${without}`,
    value: medianOf(without) / medianOf(withIt),
    ...(aim === undefined ? {} : { aim, isFloor: true }),
  },
  {
    what: `the same, by processor time per request`,
    value: medianOf(`${without}: processor`) / medianOf(`${withIt}: processor`),
  },
])
publish({
  bench: 'pin',
  method: `Time for ${requests} requests of a trivial route over 50 connections, in ${rounds} turns, and the server's processor time for them.`,
  timings: [...times, ...cpuTimes],
  ratios,
})

async function start(name: PinBenchApp): Promise<BenchServer> {
  const script = fileURLToPath(new URL('./support/pin-server.ts', import.meta.url))
  const child = fork(script, [name])
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const cpuMs: number[] = []
  const readCpuMs = async () => {
    child.send('cpu')
    return ((await once(child, 'message')) as [{ cpuMs: number }])[0].cpuMs
  }
  return {
    name,
    cpuMs,
    child,
    async run() {
      const before = await readCpuMs()
      const startedAt = performance.now()
      const result = await autocannon({ url: `http://127.0.0.1:${port}`, connections: 50, amount: requests })
      const ms = performance.now() - startedAt
      if (result['2xx'] !== requests) throw new Error(`${requests - result['2xx']} requests failed`)
      cpuMs.push((await readCpuMs()) - before)
      return ms
    },
  }
}
