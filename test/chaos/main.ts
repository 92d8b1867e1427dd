import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type EtcdSeries, etcdSeries } from '../../scripts/etcd/etcd-binaries.ts'
import type { History } from './history.ts'
import { loadHistory, saveHistory } from './recorder/to-lines.ts'
import { keepResults } from './report/results.ts'
import { writePage } from './report/write-page.ts'
import { type RunResult, runScenario } from './run-scenario.ts'
import { scenarios } from './scenarios/index.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { describeViolations, validate } from './validators/validate.ts'
import { Random } from './world/random.ts'
import { decodeChaosConfig } from './world/reference-decoder.ts'

const usage = `npm run chaos -- [options]

Runs scenarios on real clusters, under writers and more than fifty consumers, and judges what everybody was given.

  --minutes N        go on for so long; without it, each scenario runs once on each etcd
  --seed N           what everything is drawn from; the first run has this very seed. Default: drawn and printed
  --scenario NAME    only this one; may be repeated
  --etcd SERIES      ${etcdSeries.join(' or ')}; may be repeated. Default: both, in turn
  --short            phases as short as they can be, as in CI
  --report FILE      writes the page of results there, as Markdown
  --judge FILE       judges a history kept by an earlier run, and runs nothing
  --list             lists the scenarios

A run with violations leaves its history in .cache/chaos and makes the exit code 1.`

const folder = fileURLToPath(new URL('../../.cache/chaos/', import.meta.url))

/** What was asked for, checked. Throws with words for people. */
const readArguments = () => {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      seed: { type: 'string' },
      scenario: { type: 'string', multiple: true },
      etcd: { type: 'string', multiple: true },
      short: { type: 'boolean', default: false },
      report: { type: 'string' },
      judge: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const { minutes, seed = `${Math.floor(Math.random() * 2 ** 31)}`, scenario, etcd } = values
  if (minutes !== undefined && !(Number(minutes) > 0))
    throw new Error(`--minutes ${minutes}: give a number above 0`)
  if (!/^\d+$/.test(seed)) throw new Error(`--seed ${seed}: give a whole number`)
  const chosen = scenario?.map((name) => {
    const found = scenarios.find((each) => each.name === name)
    if (found === undefined) throw new Error(`--scenario ${name}: there is none of that name; see --list`)
    return found
  })
  const series = etcd?.map((name) => {
    const found = etcdSeries.find((each) => each === name)
    if (found === undefined) throw new Error(`--etcd ${name}: give ${etcdSeries.join(' or ')}`)
    return found
  })
  return {
    ...values,
    durationMs: minutes === undefined ? undefined : Number(minutes) * 60_000,
    seed: Number(seed),
    chosen: chosen ?? scenarios,
    series: series ?? etcdSeries,
  }
}

/** One run, printed as a line; what is wrong with it below. */
const runOne = async (
  scenario: Scenario,
  { seed, version, isShort }: { seed: number; version: EtcdSeries; isShort: boolean },
): Promise<RunResult> => {
  const { result, history } = await runScenario(scenario, { seed, version, isShort })
  const { durationMs, consumers, writes, deliveredEvents, reconnects, violations } = result
  console.log(
    [
      scenario.name.padEnd(24),
      `etcd ${result.etcd}`.padEnd(12),
      `seed ${seed}`.padEnd(16),
      `${(durationMs / 1000).toFixed(1)} s`,
      `${writes.applied} writes (${writes.unknown} unknown, ${writes.refused} refused)`,
      `${deliveredEvents} events to ${consumers}`,
      `${reconnects} reconnects`,
      `${violations.length} violations`,
    ].join('  '),
  )
  if (violations.length > 0) {
    console.log(describeViolations(violations))
    const again = `--scenario ${scenario.name} --etcd ${version} --seed ${seed}${isShort ? ' --short' : ''}`
    console.log(`Again: npm run chaos -- ${again}`)
    if (history !== undefined)
      console.log(`Judge what was recorded: npm run chaos -- --judge ${await keep(history, result)}`)
  }
  return result
}

const keep = async (history: History, { scenario, seed, ...result }: RunResult): Promise<string> => {
  mkdirSync(folder, { recursive: true })
  const path = `${folder}${scenario}-${result.etcd}-${seed}`
  await saveHistory(history, `${path}.jsonl`)
  writeFileSync(`${path}.json`, `${JSON.stringify({ scenario, seed, ...result }, null, 2)}\n`)
  return `${path}.jsonl`
}

const runMany = async (options: ReturnType<typeof readArguments>): Promise<boolean> => {
  const { seed, chosen, series, durationMs, short: isShort } = options
  const random = new Random(seed)
  const until = performance.now() + (durationMs ?? 0)
  const results: RunResult[] = []
  console.log(`seed ${seed}`)
  const possible = chosen.filter(({ name, whyNot }) => {
    const why = whyNot?.()
    if (why !== undefined) console.log(`${name} is left out: ${why}`)
    return why === undefined
  })
  if (possible.length === 0) throw new Error('There is nothing that this machine can run')
  do {
    for (const scenario of random.shuffle(possible)) {
      for (const version of series) {
        const isLate = durationMs !== undefined && performance.now() > until
        if (isLate && results.length > 0) break
        const runSeed = results.length === 0 ? seed : random.between(0, 2 ** 31 - 1)
        results.push(await runOne(scenario, { seed: runSeed, version, isShort }))
      }
    }
  } while (performance.now() < until)
  const count = results.reduce((sum, { violations }) => sum + violations.length, 0)
  const events = results.reduce((sum, { deliveredEvents }) => sum + deliveredEvents, 0)
  console.log(`${results.length} runs, ${events} delivered events, ${count} violations`)
  keepResults('scenarios', { seed, runs: results })
  if (options.report !== undefined) writePage(options.report)
  return count === 0
}

const judge = async (path: string): Promise<boolean> => {
  const violations = validate(await loadHistory(path), decodeChaosConfig)
  console.log(violations.length === 0 ? 'no violations' : describeViolations(violations, 100))
  return violations.length === 0
}

const main = async (): Promise<boolean> => {
  const options = readArguments()
  if (options.help) console.log(usage)
  else if (options.list) for (const { name, about } of scenarios) console.log(`${name.padEnd(24)} ${about}`)
  else if (options.judge !== undefined) return await judge(options.judge)
  else return await runMany(options)
  return true
}

try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  console.error(`${(error as Error).message}\n\n${usage}`)
  process.exitCode = 2
}
