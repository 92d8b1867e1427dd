import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createEtcdClient } from '@livetree/etcd'
import { startEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { nestedLeaves } from './support/bench-tree.ts'
import { fillTree } from './support/fill-tree.ts'
import { timing } from './support/measure.ts'
import { publish } from './support/report.ts'

const DEPTH = amount(3, 1)
const ROUNDS = amount(15, 1)
const MEGABYTE = 1024 * 1024
const script = fileURLToPath(new URL('./support/config-memory.ts', import.meta.url))

await using server = await startEtcd()
await using client = createEtcdClient({ endpoints: [server.endpoint] })
const leaves = nestedLeaves(DEPTH)
await fillTree(client, '/bench', leaves)
await fillTree(client, '/small', nestedLeaves(1))

const measured = ['live', 'plain'].map((what) => ({ what, heap: [] as number[], all: [] as number[] }))
for (let round = 0; round < ROUNDS; round++) {
  for (const one of round % 2 === 0 ? measured : measured.toReversed()) {
    const args = ['--expose-gc', script, one.what, server.endpoint, '/bench', '/small', String(DEPTH)]
    const output = execFileSync(process.execPath, args, { encoding: 'utf8' })
    const { heap, outside } = JSON.parse(output) as { heap: number; outside: number }
    one.heap.push(heap / MEGABYTE)
    one.all.push((heap + outside) / MEGABYTE)
  }
}

const count = leaves.length.toLocaleString('en')
const inMb = (name: string, values: readonly number[]) => ({ ...timing(name, values), unit: 'MB' as const })
const [live, plain] = measured
const liveHeap = inMb(`live configuration of ${count} leaves, heap`, live!.heap)
const plainHeap = inMb('the same data as a plain object, heap', plain!.heap)
const liveAll = inMb(`live configuration of ${count} leaves, heap and buffers`, live!.all)
const plainAll = inMb('the same data as a plain object, heap and buffers', plain!.all)
publish({
  bench: 'memory',
  etcd: server.version,
  method:
    `Difference of heapUsed after garbage collection with and without the measured object: a live configuration of ${count} leaves of 60 bytes, loaded from etcd with its watch, or JSON.parse of the same data with the same types. ` +
    `Each in a separate process that has loaded all modules, connected, and loaded and closed a small configuration before; ${ROUNDS} processes each, in turns.`,
  timings: [liveHeap, plainHeap, liveAll, plainAll],
  ratios: [
    {
      what: 'heap, live configuration against plain object',
      value: liveHeap.median / plainHeap.median,
      aim: 4,
    },
    { what: 'heap and buffers', value: liveAll.median / plainAll.median },
  ],
})
