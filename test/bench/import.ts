import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { amount } from './support/amount.ts'
import { type Timing, timing } from './support/measure.ts'
import { publish } from './support/report.ts'

const ROUNDS = amount(40, 1)
const WARM_UPS = amount(3, 0)
const script = fileURLToPath(new URL('./support/import-time.ts', import.meta.url))

/** What is imported; the last two are part of the first, to see where its time goes. */
const names = ['livetree', 'etcd3', 'zod', 'undici'] as const
const measured = names.map((name) => ({ name, ms: [] as number[], cpuMs: [] as number[] }))

for (let round = -WARM_UPS; round < ROUNDS; round++) {
  for (const one of round % 2 === 0 ? measured : measured.toReversed()) {
    const output = execFileSync(process.execPath, [script, one.name], { encoding: 'utf8' })
    if (round < 0) continue
    const { ms, cpuMs } = JSON.parse(output) as { ms: number; cpuMs: number }
    one.ms.push(ms)
    one.cpuMs.push(cpuMs)
  }
}

const timings: Timing[] = measured.flatMap(({ name, ms, cpuMs }) => [
  timing(`import('${name}')`, ms),
  timing(`import('${name}'), processor`, cpuMs),
])
const [ours, theirs] = measured
const ratio = (what: 'ms' | 'cpuMs') => timing('', ours![what]).median / timing('', theirs![what]).median
publish({
  bench: 'import',
  method:
    `Time of import() as measured inside a new process that has imported nothing else, so without the start of Node. ${ROUNDS} processes for each, in turns, files in the system's cache. ` +
    'livetree as it is published, with zod and undici, which it imports itself and which also stand alone below.',
  timings,
  ratios: [
    { what: 'livetree against npm etcd3', value: ratio('ms'), aim: 0.7 },
    { what: 'the same, by processor time', value: ratio('cpuMs') },
  ],
})
