import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { KV } from '@livetree/etcd/wire'
import { getEtcd } from '../../scripts/etcd/get-etcd.ts'
import { RawClient } from '../contract/raw-client.ts'
import { WatchClient } from '../contract/watch-client.ts'
import { launchEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { type Contender, race, type Timing } from './support/measure.ts'
import { publish } from './support/report.ts'
import type { Ratio } from './support/ratio.ts'

const rounds = amount(30, 1)
const callsPerRound = 200
const value = 'x'.repeat(60)

/** A server to measure. */
interface Measured {
  readonly name: string
  readonly endpoint: string
}

/** Compares embedded with a real etcd on this machine, in one run: start-up, puts, gets, watch latency. */
async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'livetree-bench-'))
  await using cleanup = new AsyncDisposableStack()
  cleanup.defer(() => rmSync(folder, { recursive: true }))
  const binaries = await getEtcd()
  const launch = async () => {
    const server = await launchEtcd(binaries, {})
    await server.ready()
    return server
  }

  const startUp = await race(
    [
      starting('etcd', launch),
      starting('embedded, memory', () => startEmbeddedEtcd()),
      starting('embedded, file', () => startEmbeddedEtcd({ dataFile: join(folder, `${Math.random()}.db`) })),
    ],
    amount(5, 1),
  )

  const memory = cleanup.use(await startEmbeddedEtcd())
  const file = cleanup.use(await startEmbeddedEtcd({ dataFile: join(folder, 'etcd.db') }))
  const real = cleanup.use(await launch())
  const servers: Measured[] = [
    { name: 'etcd', endpoint: real.endpoint },
    { name: 'embedded, memory', endpoint: memory.endpoint },
    { name: 'embedded, file', endpoint: file.endpoint },
  ]
  const contenders = async (what: string, make: (client: RawClient) => Promise<Contender['run']>) =>
    await Promise.all(
      servers.map(async ({ name, endpoint }): Promise<Contender> => {
        const client = new RawClient(endpoint)
        cleanup.defer(() => client.close())
        return { name: `${what}: ${name}`, run: await make(client) }
      }),
    )

  const puts = await race(
    await contenders('put, one at a time', async (client) => () => inTurn(client, KV.put)),
    rounds,
  )
  const gets = await race(
    await contenders('get, one at a time', async (client) => () => inTurn(client, KV.range)),
    rounds,
  )
  const many = await race(
    await contenders('put, 100 at a time', async (client) => () => atOnce(client)),
    rounds,
  )
  const latency = await race(await contenders('put until its event', watching), rounds)

  const all: readonly [string, readonly Timing[]][] = [
    ['start-up', startUp],
    ['put', puts],
    ['get', gets],
    ['100 puts at once', many],
    ['watch latency', latency],
  ]
  publish({
    bench: 'embedded',
    etcd: binaries.version,
    method:
      `etcd as a process, embedded in this process, the same plain client for both, in turns. ` +
      'Times are per call; start-up lasts until the first health check passes, or the promise resolves. Ratios: embedded / etcd.',
    timings: all.flatMap(([, timings]) => timings),
    ratios: all.flatMap(([what, timings]) => ratiosOf(what, timings)),
  })
}

/** Time from nothing to a server that answers. */
function starting(name: string, start: () => Promise<AsyncDisposable>): Contender {
  return {
    name: `start-up: ${name}`,
    async run() {
      const startedAt = performance.now()
      const server = await start()
      const time = performance.now() - startedAt
      await server[Symbol.asyncDispose]()
      return time
    },
  }
}

/** Time of a call when each waits for the one before. */
async function inTurn(client: RawClient, method: typeof KV.put | typeof KV.range): Promise<number> {
  const startedAt = performance.now()
  for (let n = 0; n < callsPerRound; n += 1) {
    if (method === KV.put) await client.call(KV.put, { key: `key/${n}`, value })
    else await client.call(KV.range, { key: `key/${n}` })
  }
  return (performance.now() - startedAt) / callsPerRound
}

/** Time of a put when a hundred are under way. */
async function atOnce(client: RawClient): Promise<number> {
  const startedAt = performance.now()
  for (let n = 0; n < callsPerRound; n += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, at) => client.call(KV.put, { key: `key/${n + at}`, value })),
    )
  }
  return (performance.now() - startedAt) / callsPerRound
}

/** Time from a put to its event on a watch that stands already. */
async function watching(client: RawClient): Promise<Contender['run']> {
  const watch = new WatchClient(client)
  await watch.create({ key: 'watched' })
  return async () => {
    const startedAt = performance.now()
    const put = client.call(KV.put, { key: 'watched', value })
    await watch.next()
    const time = performance.now() - startedAt
    await put
    return time
  }
}

/** What was aimed at: ready in a fifth of the time, and puts in memory at least as fast. */
function ratiosOf(what: string, timings: readonly Timing[]): Ratio[] {
  const [etcd, ...embedded] = timings
  return embedded.map(({ name, median }) => {
    const ratio = { what: `${what}, ${name.split(': ')[1]}, time`, value: median / etcd!.median }
    if (what === 'start-up') return { ...ratio, aim: 0.2 }
    return what === 'put' && name.endsWith('memory') ? { ...ratio, aim: 1 } : ratio
  })
}

await main()
