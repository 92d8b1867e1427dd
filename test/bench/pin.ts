import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { openAsker } from './support/keep-asking.ts'
import { type Contender, race, timing } from './support/measure.ts'
import type { PinBenchApp } from './support/pin-server.ts'
import { publish, type Ratio } from './support/report.ts'

/**
 * What the pin and the live middleware cost on a route that does nothing else: the same app with and without, each in a
 * process of its own, loaded in turns. Its share of the throughput, and of the processor's time per request, which
 * other work on the machine disturbs less.
 */
const requests = 4_000
const rounds = 41
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
  close(): void
}

const servers = await Promise.all(
  [...new Set(pairs.flatMap(([without, withIt]) => [withIt, without]))].map(start),
)
const times = await race(servers, rounds)
for (const server of servers) server.close()

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
  const asker = await openAsker(port, 50)
  const cpuMs: number[] = []
  const readCpuMs = async () => {
    child.send('cpu')
    return ((await once(child, 'message')) as [{ cpuMs: number }])[0].cpuMs
  }
  return {
    name,
    cpuMs,
    close() {
      asker.close()
      child.disconnect()
    },
    async run() {
      const before = await readCpuMs()
      const ms = await asker.ask(requests)
      cpuMs.push((await readCpuMs()) - before)
      return ms
    },
  }
}
