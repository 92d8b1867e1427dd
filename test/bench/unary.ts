import { createEtcdClient } from '@livetree/etcd'
import { Etcd3 } from 'etcd3'
import { startEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { text60 } from './support/bench-tree.ts'
import { type Timing, timing } from './support/measure.ts'
import { publish } from './support/report.ts'
import type { Ratio } from './support/ratio.ts'

const IN_FLIGHT = 64
/** Calls of a sample. */
const CALLS = amount(2_000, 64)
const ROUNDS = amount(30, 1)
const WARM_UPS = amount(6, 0)
const KEYS = 500

await using server = await startEtcd()
await using client = createEtcdClient({ endpoints: [server.endpoint] })
const etcd3 = new Etcd3({ hosts: server.endpoint })

const value = text60('unary')
const keyOf = (index: number) => `bench/unary/${index % KEYS}`
for (let index = 0; index < KEYS; index++) await client.kv.put(keyOf(index), value)

/** A kind of call by one client; a get gives the text it got. */
interface Way {
  readonly kind: 'get' | 'put'
  readonly who: 'livetree' | 'npm etcd3'
  call(key: string): Promise<unknown>
  /** Milliseconds for one call: by the clock, and of the processor in this process. */
  readonly ms: number[]
  readonly cpuMs: number[]
}

const ways: Way[] = [
  way('get', 'livetree', async (key) => (await client.kv.get(key))!.text),
  way('get', 'npm etcd3', async (key) => (await etcd3.get(key).string())!),
  way('put', 'livetree', (key) => client.kv.put(key, value)),
  way('put', 'npm etcd3', async (key) => await etcd3.put(key).value(value)),
]

function way(kind: Way['kind'], who: Way['who'], call: Way['call']): Way {
  return { kind, who, call, ms: [], cpuMs: [] }
}

async function sample({ kind, call, ms, cpuMs }: Way): Promise<void> {
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  let next = 0
  const worker = async () => {
    while (next < CALLS) {
      const answer = await call(keyOf(next++))
      if (kind === 'get' && answer !== value) throw new Error(`a get gave ${JSON.stringify(answer)}`)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  ms.push((performance.now() - startedAt) / CALLS)
  const { user, system } = process.cpuUsage(cpuBefore)
  cpuMs.push((user + system) / 1000 / CALLS)
}

for (let round = -WARM_UPS; round < ROUNDS; round++) {
  for (const one of round % 2 === 0 ? ways : ways.toReversed()) await sample(one)
  if (round === -1) for (const one of ways) one.ms.length = one.cpuMs.length = 0
}
etcd3.close()

const timings: Timing[] = ways.flatMap(({ kind, who, ms, cpuMs }) => [
  timing(`${kind}: ${who}`, ms),
  timing(`${kind}: ${who}, processor`, cpuMs),
])
const ratios = (['get', 'put'] as const).flatMap((kind): Ratio[] => {
  const [ours, theirs] = ways.filter((one) => one.kind === kind)
  const factor = (what: 'ms' | 'cpuMs') => timing('', theirs![what]).median / timing('', ours![what]).median
  return [
    { what: `${kind}s a second, as a multiple of npm etcd3`, value: factor('ms'), aim: 2, isFloor: true },
    { what: `${kind}s for the same processor time, as a multiple of npm etcd3`, value: factor('cpuMs') },
  ]
})

publish({
  bench: 'unary',
  etcd: server.version,
  method:
    `Time of one call with ${IN_FLIGHT} in progress: ${CALLS.toLocaleString('en')} calls, their total time divided by their number, samples in turns, on one connection per client, both in one process. ` +
    'Values of 60 bytes; a get returns the value as text. The processor time is that of this process: the client with its HTTP/2, without the server.',
  timings,
  ratios,
})
