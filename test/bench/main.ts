import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type BenchReport, inMarkdown, RESULTS } from './support/report.ts'

/** `npm run bench [-- load apply]`: runs the benches one after another and writes what they found to docs/benchmarks.md. */
const benches = ['apply', 'load', 'pin', 'embedded.bench']
const wanted = process.argv.slice(2)
for (const bench of benches) {
  if (wanted.length > 0 && !wanted.some((name) => bench.startsWith(name))) continue
  const script = fileURLToPath(new URL(`${bench}.ts`, import.meta.url))
  const { status } = spawnSync(process.execPath, [script], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}

const reports = readdirSync(RESULTS)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name) => JSON.parse(readFileSync(new URL(name, RESULTS), 'utf8')) as BenchReport)
const page = [
  '# Benchmarks',
  '',
  'Written by `npm run bench`. Every figure is a ratio of two things measured in one run on one machine, against a peer or',
  'the floor; absolute times depend on the machine and are no claims.',
  '',
  ...reports.flatMap(inMarkdown),
]
writeFileSync(new URL('../../docs/benchmarks.md', import.meta.url), `${page.join('\n').trimEnd()}\n`)
