import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { amount } from './support/amount.ts'
import { openAsker } from './support/keep-asking.ts'
import { timing } from './support/measure.ts'
import type { PinBenchApp } from './support/pin-server.ts'
import { publish } from './support/report.ts'
import type { Ratio } from './support/ratio.ts'

/**
 * What the pin and the live middleware cost on a route that does nothing else: the same app with and without, each in a
 * process of its own, loaded in turns. Its share of the throughput, and of the processor's time per request, which
 * other work on the machine disturbs less.
 */
const requests = amount(3_000, 100)
const rounds = amount(10, 1)
const warmUps = amount(6, 0)
/** Two processes of the same app differ by more than the pin costs: each app is measured in so many of them. */
const generations = amount(6, 1)
const pairs: readonly [without: PinBenchApp, withIt: PinBenchApp, aim?: number][] = [
  ['express', 'express + configMiddleware', 0.95],
  ['express', "express + configMiddleware, pin: 'request'", 0.99],
  ['express', 'express + configMiddleware + live', 0.95],
  ['express', 'express + configMiddleware + live with dispose', 0.95],
  ['express', 'express + a middleware that does nothing'],
  ['express', 'express + two middlewares that do nothing'],
  ['fastify', 'fastify + livetree', 0.95],
  ['fastify', "fastify + livetree, pin: 'request'", 0.99],
  ['nestjs', 'nestjs + LivetreeModule', 0.95],
]

/** Of each round, in milliseconds: all of it, and the server's processor time. */
interface Measured {
  readonly ms: number[]
  readonly cpuMs: number[]
}

interface BenchServer {
  readonly name: PinBenchApp
  run(): Promise<{ ms: number; cpuMs: number }>
  close(): void
}

const names = [...new Set(pairs.flatMap(([without, withIt]) => [withIt, without]))]
const measured = new Map(names.map((name): [PinBenchApp, Measured] => [name, { ms: [], cpuMs: [] }]))
for (let generation = 0; generation < generations; generation++) {
  const servers = await Promise.all(names.map(start))
  for (let round = -warmUps; round < rounds; round++) {
    // there and back, so that no one always has the same one before it
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      const { ms, cpuMs } = await server.run()
      if (round < 0) continue
      measured.get(server.name)!.ms.push(ms)
      measured.get(server.name)!.cpuMs.push(cpuMs)
    }
  }
  for (const server of servers) server.close()
}

const times = [...measured].map(([name, { ms }]) => timing(name, ms))
const cpuTimes = [...measured].map(([name, { cpuMs }]) => timing(`${name}: processor`, cpuMs))
const ratios = pairs.flatMap(([without, withIt, aim]): Ratio[] => [
  {
    what: `throughput of ${withIt}, as a share of ${without}`,
    value: shareOf(without, withIt, 'ms'),
    ...(aim === undefined ? {} : { aim, isFloor: true }),
  },
  { what: 'the same, by processor time per request', value: shareOf(without, withIt, 'cpuMs') },
])
publish({
  bench: 'pin',
  method: `Time for ${requests} requests of a trivial route over 50 connections, ${rounds} times in turns in each of ${generations} processes, and the server's processor time for them.`,
  timings: [...times, ...cpuTimes],
  ratios,
})

/** By the medians over all rounds of all generations. */
function shareOf(without: PinBenchApp, withIt: PinBenchApp, what: keyof Measured): number {
  const medianOf = (name: PinBenchApp) => timing(name, measured.get(name)![what]).median
  return medianOf(without) / medianOf(withIt)
}

async function start(name: PinBenchApp): Promise<BenchServer> {
  const script = fileURLToPath(new URL('./support/pin-server.ts', import.meta.url))
  const child = fork(script, [name])
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const asker = await openAsker(port, 50)
  const readCpuMs = async () => {
    child.send('cpu')
    return ((await once(child, 'message')) as [{ cpuMs: number }])[0].cpuMs
  }
  return {
    name,
    close() {
      asker.close()
      child.disconnect()
    },
    async run() {
      const before = await readCpuMs()
      const ms = await asker.ask(requests)
      return { ms, cpuMs: (await readCpuMs()) - before }
    },
  }
}
