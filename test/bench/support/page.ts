import { aimInWords, figureOf, isMet, ratioInWords } from './figures.ts'
import type { BenchReport } from './report.ts'
import type { Ratio } from './ratio.ts'

/** The page docs/benchmarks.md: all aims first, then bench by bench. Plots are in `benchmarks/` beside it. */
export function benchPage(reports: readonly BenchReport[]): string {
  const lines = [
    '# Benchmarks',
    '',
    'Written by `npm run bench`. Every figure is a ratio of two measurements from one run on one machine, in turns, against a',
    'peer or the lower bound. Absolute times depend on the machine and are not claims.',
    '',
    '## Aims',
    '',
    '| bench | ratio | measured | aim | |',
    '|---|---|---|---|---|',
    ...aimsOf(reports).map(
      ([bench, ratio]) =>
        `| [${bench}](#${bench}) | ${ratio.what} | ${ratioInWords(ratio)} | ${aimInWords(ratio)} | ${verdict(ratio)} |`,
    ),
    '',
    '![Each ratio against its aim](benchmarks/aims.svg)',
    '',
    ...reports.flatMap(section),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

/** Every ratio that has an aim, with its bench. */
export function aimsOf(reports: readonly BenchReport[]): [bench: string, ratio: Ratio][] {
  return reports.flatMap(({ bench, ratios }) =>
    ratios
      .filter(({ aim }) => aim !== undefined)
      .map((ratio): [bench: string, ratio: Ratio] => [bench, ratio]),
  )
}

function verdict(ratio: Ratio): string {
  if (!Number.isFinite(ratio.value)) return 'the peer fails'
  return isMet(ratio) ? 'met' : '**missed**'
}

function section(report: BenchReport): string[] {
  const { bench, method, timings, ratios, plots = [] } = report
  return [
    `## ${bench}`,
    '',
    method,
    '',
    whereAndWhen(report),
    '',
    ...plots.flatMap(({ name, title }) => [`![${title}](benchmarks/${name}.svg)`, '']),
    '| ratio | measured | aim |',
    '|---|---|---|',
    ...ratios.map((ratio) => `| ${ratio.what} | ${ratioInWords(ratio)} | ${aimInWords(ratio)} |`),
    '',
    '| measured | median | p99 | samples |',
    '|---|---|---|---|',
    ...timings.map(({ name, median, p99, samples, failure, unit }) =>
      failure === undefined
        ? `| ${name} | ${figureOf(median, unit)} | ${figureOf(p99, unit)} | ${samples} |`
        : `| ${name} | ${failure} | | |`,
    ),
    '',
  ]
}

function whereAndWhen({ machine, etcd, date }: BenchReport): string {
  const { node, platform, cores, processor } = machine
  const server = etcd === undefined ? '' : `etcd ${etcd}, `
  return `Measured on ${date}: Node ${node}, ${server}${platform}, ${cores} cores (${processor}).`
}
