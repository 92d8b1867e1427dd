import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import type { Timing } from './measure.ts'

/** A ratio of two measurements of one run, with what was aimed at. */
export interface Ratio {
  readonly what: string
  readonly value: number
  /** At most this much, or with `isFloor` at least. */
  readonly aim?: number
  readonly isFloor?: boolean
}

/** All that one bench found. */
export interface BenchReport {
  readonly bench: string
  readonly method: string
  readonly timings: readonly Timing[]
  readonly ratios: readonly Ratio[]
}

/** Where reports are kept for programs. */
export const RESULTS = new URL('../results/', import.meta.url)

/** Prints a report for people and writes it to `test/bench/results` for programs. */
export function publish(report: BenchReport): void {
  console.log(`\n## ${report.bench}\n\n${report.method}\n`)
  for (const { name, median, p99, samples, failure } of report.timings) {
    const figures = failure ?? `median ${inMs(median)}, p99 ${inMs(p99)} (${samples} samples)`
    console.log(`  ${name.padEnd(44)} ${figures}`)
  }
  console.log()
  for (const ratio of report.ratios) console.log(`  ${inWords(ratio)}`)
  mkdirSync(RESULTS, { recursive: true })
  const machine = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: cpus().length,
  }
  writeFileSync(
    new URL(`${report.bench}.json`, RESULTS),
    `${JSON.stringify({ ...report, machine }, null, 2)}\n`,
  )
}

/** A report as a section of a page. */
export function inMarkdown(report: BenchReport): string[] {
  const { bench, method, timings, ratios } = report
  return [
    `## ${bench}`,
    '',
    method,
    '',
    '| ratio | measured | aim |',
    '|---|---|---|',
    ...ratios.map((ratio) => {
      const aim = ratio.aim === undefined ? '' : `${ratio.isFloor ? '≥' : '≤'} ${ratio.aim} ×`
      return `| ${ratio.what} | ${Number.isFinite(ratio.value) ? `${inFactor(ratio.value)} ×` : 'no peer left'} | ${aim} |`
    }),
    '',
    '| measured | median | p99 | samples |',
    '|---|---|---|---|',
    ...timings.map(({ name, median, p99, samples, failure }) =>
      failure === undefined
        ? `| ${name} | ${inMs(median)} | ${inMs(p99)} | ${samples} |`
        : `| ${name} | ${failure} | | |`,
    ),
    '',
  ]
}

function inFactor(value: number): string {
  return value.toFixed(value < 0.1 ? 4 : 2)
}

function inMs(ms: number): string {
  return ms < 1 ? `${(ms * 1000).toFixed(1)} µs` : `${ms.toFixed(2)} ms`
}

function inWords({ what, value, aim, isFloor = false }: Ratio): string {
  const figure = `${what.padEnd(64)} ${inFactor(value)} ×`
  if (aim === undefined) return figure
  const isMet = isFloor ? value >= aim : value <= aim
  return `${figure}   aim ${isFloor ? '≥' : '≤'} ${aim} ×  ${isMet ? 'met' : 'MISSED'}`
}
