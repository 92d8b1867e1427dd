import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createEtcdClient } from '@livetree/etcd'
import { startEtcd } from '../support/start-etcd.ts'
import { amount } from './support/amount.ts'
import { timing } from './support/measure.ts'
import { publish } from './support/report.ts'

const ROUNDS = amount(40, 1)
const WARM_UPS = amount(3, 0)
const script = fileURLToPath(new URL('./support/import-time.ts', import.meta.url))

await using server = await startEtcd()
await using client = createEtcdClient({ endpoints: [server.endpoint] })
await client.kv.put('/import/key', 'value')

const measured = [
  { name: `import('livetree')`, args: ['livetree'] },
  { name: `import('etcd3')`, args: ['etcd3'] },
  { name: `import('livetree') and load()`, args: ['livetree', server.endpoint] },
  { name: `import('etcd3') and get`, args: ['etcd3', server.endpoint] },
  { name: `import('zod')`, args: ['zod'] },
  { name: `import('undici')`, args: ['undici'] },
].map((one) => ({ ...one, ms: [] as number[], cpuMs: [] as number[] }))

for (let round = -WARM_UPS; round < ROUNDS; round++) {
  for (const { args, ms, cpuMs } of round % 2 === 0 ? measured : measured.toReversed()) {
    const output = execFileSync(process.execPath, [script, ...args], { encoding: 'utf8' })
    if (round < 0) continue
    const times = JSON.parse(output) as { ms: number; cpuMs: number }
    ms.push(times.ms)
    cpuMs.push(times.cpuMs)
  }
}

const timings = measured.map(({ name, ms, cpuMs }) => ({
  wall: timing(name, ms),
  processor: timing(`${name}, processor`, cpuMs),
}))
const [ours, theirs, oursRead, theirsRead] = timings
publish({
  bench: 'import',
  etcd: server.version,
  method:
    `Time of import() measured inside a new process that has imported nothing else, so without the start of Node. ${ROUNDS} processes for each, in turns, with files in the system's cache. ` +
    'livetree as published, with the part of zod that it uses. It imports undici with the first call to etcd, so the time until a key has been read is shown as well: with zod, a schema and load() on one side, with a get on the other. zod and undici are also measured alone.',
  timings: timings.flatMap(({ wall, processor }) => [wall, processor]),
  ratios: [
    { what: 'livetree against npm etcd3', value: ours!.wall.median / theirs!.wall.median, aim: 0.7 },
    { what: 'the same, by processor time', value: ours!.processor.median / theirs!.processor.median },
    { what: 'until a key has been read', value: oursRead!.wall.median / theirsRead!.wall.median },
    {
      what: 'until a key has been read, by processor time',
      value: oursRead!.processor.median / theirsRead!.processor.median,
    },
  ],
})
