import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEtcdClient } from '@livetree/etcd'
import { startEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { fillTree } from './support/fill-tree.ts'
import { timing } from './support/measure.ts'
import { publish } from './support/report.ts'
import { livetree, runNode } from './support/run-command.ts'

const GROUPS = amount(1_000, 4)
const KEYS_OF_A_GROUP = 100
const CHANGED = 10
const ROUNDS = amount(5, 1)

await using server = await startEtcd()
await using client = createEtcdClient({ endpoints: [server.endpoint] })
const pathOf = (group: number, key: number) => `groups/g${group}/k${key}`
const leaves = Array.from({ length: GROUPS * KEYS_OF_A_GROUP }, (_, index) => {
  const [group, key] = [Math.floor(index / KEYS_OF_A_GROUP), index % KEYS_OF_A_GROUP]
  return [pathOf(group, key), String(index)] as const
})
await fillTree(client, '/bench/base', leaves)
await fillTree(
  client,
  '/bench/prod',
  leaves.slice(0, CHANGED).map(([path]) => [path, '7']),
)
const folder = mkdtempSync(join(tmpdir(), 'bench-operate-'))
const change = join(folder, 'change.json')
const groups = Object.fromEntries([['g0', { k0: 1, k1: 2, k99: 3 }]])
writeFileSync(change, JSON.stringify({ groups }))

/** A process that reads every key of the tree once and keeps it, and does nothing else. */
const READS = [
  '--input-type=module',
  '--eval',
  `import { enableCompileCache } from 'node:module'; enableCompileCache()
const { createEtcdClient } = await import('@livetree/etcd')
const client = createEtcdClient({ endpoints: [process.env.BENCH_ENDPOINT] })
const read = new Map()
await client.kv.scan({ prefix: '/bench/' }, ({ keys, values }) => { for (const [index, key] of keys.entries()) read.set(key, values[index]) })
process.stdout.write(read.size + '\\n', () => process.exit())`,
]
const least = leaves.length
const contenders = [
  { name: 'reading it once', args: READS, isDone: (out: string) => Number(out) === least + CHANGED },
  {
    name: 'livetree tree',
    args: livetree('tree', '-o', 'ndjson'),
    isDone: (out: string) => linesOf(out) >= least,
  },
  {
    name: 'livetree diff',
    args: livetree('diff', 'overlay:base', 'overlay:prod', '-o', 'ndjson'),
    isDone: (out: string) => linesOf(out) >= least - CHANGED,
  },
  {
    name: 'livetree plan',
    args: livetree('plan', '-f', change, '--overlay', 'prod', '-o', 'json'),
    isDone: (out: string) => out.includes('k99'),
  },
  {
    name: 'livetree export',
    args: livetree('export', '--overlay', 'base', '--format', 'json'),
    isDone: (out: string) => out.includes(`"k${KEYS_OF_A_GROUP - 1}": ${least - 1}`),
  },
].map((one) => ({ ...one, ms: [] as number[], mb: [] as number[] }))

function linesOf(text: string): number {
  return text.split('\n').length - 1
}

try {
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, args, isDone, ms, mb } of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const ended = runNode(args, server.endpoint, { measuresMemory: true })
      if (!isDone(ended.stdout)) throw new Error(`${name} wrote ${ended.stdout.slice(0, 300)}`)
      ms.push(ended.ms)
      mb.push(ended.peakMb)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const [once, ...commands] = contenders.map(({ name, ms, mb }) => ({
  name,
  time: timing(name, ms),
  memory: { ...timing(`${name}, most memory`, mb), unit: 'MB' as const },
}))
publish({
  bench: 'operate',
  etcd: server.version,
  method:
    `Whole processes from start to end, ${ROUNDS} of each, in turns, on a tree of ${least.toLocaleString('en')} keys in one overlay and ${CHANGED} in another. ` +
    'Reading it once is a process that lists all of it with the client and keeps keys and values. The plan is of a file with three leaves. Memory is the largest resident set of the process.',
  timings: [once, ...commands].flatMap((one) => (one === undefined ? [] : [one.time, one.memory])),
  ratios: commands.flatMap(({ name, time, memory }) => [
    { what: `${name} against reading it once`, value: time.median / (once?.time.median ?? 0), aim: 3 },
    { what: `${name}, memory against reading it once`, value: memory.median / (once?.memory.median ?? 0) },
  ]),
})
