import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { benches } from '../benches.ts'
import { drawAimPlot } from './aim-plot.ts'
import { drawLinePlot } from './line-plot.ts'
import { aimsOf, benchPage } from './page.ts'
import { type BenchReport, RESULTS } from './report.ts'

const DOCS = new URL('../../../docs/', import.meta.url)

/** Writes docs/benchmarks.md and its plots anew from all results there are. */
export function writePage(): void {
  const reports = Object.keys(benches)
    .map((name) => new URL(`${name}.json`, RESULTS))
    .filter((file) => existsSync(file))
    .map((file) => JSON.parse(readFileSync(file, 'utf8'), withoutNulls) as BenchReport)
  const plots = new URL('benchmarks/', DOCS)
  rmSync(plots, { recursive: true, force: true })
  mkdirSync(plots)
  writeFileSync(new URL('aims.svg', plots), drawAimPlot(aimsOf(reports)))
  for (const plot of reports.flatMap((report) => report.plots ?? []))
    writeFileSync(new URL(`${plot.name}.svg`, plots), drawLinePlot(plot))
  writeFileSync(new URL('benchmarks.md', DOCS), benchPage(reports))
}

/** JSON has no NaN: what could not be measured is null there. */
function withoutNulls(_key: string, value: unknown): unknown {
  return value === null ? Number.NaN : value
}
