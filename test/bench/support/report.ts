import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { isSmoke } from './amount.ts'
import { aimInWords, figureOf, isMet, ratioInWords } from './figures.ts'
import type { LinePlot } from './line-plot.ts'
import type { Timing } from './measure.ts'
import type { Ratio } from './ratio.ts'

/** What a bench has found, and how. */
export interface Findings {
  /** The script's name without `.ts`. */
  readonly bench: string
  /** Short sentences, enough to do it again. */
  readonly method: string
  readonly timings: readonly Timing[]
  readonly ratios: readonly Ratio[]
  readonly plots?: readonly LinePlot[]
  /** Version of the server, where there was one. */
  readonly etcd?: string
}

/** Findings, with where and when. */
export interface BenchReport extends Findings {
  readonly machine: {
    readonly node: string
    readonly platform: string
    readonly cores: number
    readonly processor: string
  }
  /** The day, as `2026-01-31`. */
  readonly date: string
}

/** Where reports are kept, one file for each bench, so that running one leaves the others as they were. */
export const RESULTS = new URL('../results/', import.meta.url)

/**
 * Prints findings for people and keeps them for the page. A smoke run keeps nothing.
 *
 * @throws Error in a smoke run when a ratio is not a number
 */
export function publish(findings: Findings): void {
  const { bench, method, timings, ratios } = findings
  if (isSmoke) {
    assertFinite(findings)
    return
  }
  console.log(`\n## ${bench}\n\n${method}\n`)
  for (const { name, median, p99, samples, failure, unit } of timings) {
    const figures =
      failure ?? `median ${figureOf(median, unit)}, p99 ${figureOf(p99, unit)} (${samples} samples)`
    console.log(`  ${name.padEnd(56)} ${figures}`)
  }
  console.log()
  for (const ratio of ratios) {
    const aim =
      ratio.aim === undefined ? '' : `   aim ${aimInWords(ratio)}  ${isMet(ratio) ? 'met' : 'MISSED'}`
    console.log(`  ${ratio.what.padEnd(72)} ${ratioInWords(ratio)}${aim}`)
  }
  const processors = cpus()
  const machine = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: processors.length,
    processor: processors[0]?.model.trim() ?? 'unknown',
  }
  const report: BenchReport = { ...findings, machine, date: new Date().toISOString().slice(0, 10) }
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(new URL(`${bench}.json`, RESULTS), `${JSON.stringify(report, null, 2)}\n`)
}

function assertFinite({ bench, ratios, timings }: Findings): void {
  const bad = ratios.filter(({ value }) => !Number.isFinite(value) || value <= 0)
  if (bad.length === 0 && ratios.length > 0) {
    console.log(`${bench}: ${ratios.length} ratios`)
    return
  }
  const failures = timings.flatMap(({ name, failure }) =>
    failure === undefined ? [] : [`${name}: ${failure}`],
  )
  const lines = [...bad.map(({ what, value }) => `${what}: ${value}`), ...failures]
  throw new Error(`The bench "${bench}" gave no sound ratios:\n  ${lines.join('\n  ')}`)
}
