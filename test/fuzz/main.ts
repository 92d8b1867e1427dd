import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { type FuzzRow, reportOf } from './report.ts'
import type { FuzzResult, FuzzTarget } from './fuzz-target.ts'
import { targets } from './targets.ts'

const USAGE = `npm run fuzz [-- --cases 1000000] [--target name] [--seed S] [--path P] [--jobs N] [--report docs/fuzz.md]

Gives bad input of every kind to livetree. Ends with 1 when something does not hold, and says how to replay it.

  --cases N      in total, spread over the targets by their weight (default 1,000,000)
  --target name  only this one: ${targets.map(({ name }) => name).join(', ')}
  --seed S       a number; the same seed gives the same cases (default: by the clock)
  --path P       of a failure, as it was printed: goes straight to it
  --jobs N       runs so many targets at the same time (default 1)
  --report F     writes a page about the run`

/** A target that finishes no case for this long, in milliseconds, hangs. */
const HANG_MS = 120_000

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new TypeError(`--${name} is ${JSON.stringify(text)}, not a whole number`)
  }
  return Number(text)
}

type Given = ReturnType<typeof readArguments>

function readArguments() {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string', default: '1000000' },
      target: { type: 'string' },
      seed: { type: 'string', default: String(Math.floor(Date.now() / 1_000) % 2 ** 31) },
      path: { type: 'string' },
      jobs: { type: 'string', default: '1' },
      report: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target)
  if (chosen.length === 0) throw new TypeError(`There is no target ${JSON.stringify(values.target)}`)
  if (values.path !== undefined && chosen.length > 1) throw new TypeError('--path needs --target')
  return {
    ...values,
    chosen,
    cases: wholeNumber('cases', values.cases),
    seed: wholeNumber('seed', values.seed),
    jobs: Math.max(1, wholeNumber('jobs', values.jobs)),
  }
}

/** Cases for each target: by weight, what the limited ones leave over going to the others. */
function spread(chosen: readonly FuzzTarget[], cases: number): Map<FuzzTarget, number> {
  const shares = new Map<FuzzTarget, number>()
  let left = cases
  let open = [...chosen]
  for (;;) {
    const weights = open.reduce((sum, { weight }) => sum + weight, 0)
    const shareOf = ({ weight }: FuzzTarget) => Math.ceil((left * weight) / weights)
    const limited = open.filter((target) => shareOf(target) > target.mostCases)
    if (limited.length === 0 || limited.length === open.length) {
      for (const target of open) shares.set(target, shareOf(target))
      return shares
    }
    for (const target of limited) {
      shares.set(target, target.mostCases)
      left -= target.mostCases
    }
    open = open.filter((target) => !limited.includes(target))
  }
}

/** Runs one target in a thread of its own, which is ended when it hangs. */
async function runInThread(name: string, cases: number, seed: number, path?: string): Promise<FuzzResult> {
  const counter = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: { name, cases, seed, path, counter },
  })
  const startedAt = performance.now()
  return new Promise((resolve) => {
    let known = 0
    let since = performance.now()
    let isEnded = false
    const end = (result: FuzzResult) => {
      if (isEnded) return
      isEnded = true
      clearInterval(timer)
      void worker.terminate().then(() => resolve(result))
    }
    const failed = (report: string) =>
      end({ cases: counter[0]!, durationMs: performance.now() - startedAt, failure: { report, path: '' } })
    const timer = setInterval(() => {
      const now = Atomics.load(counter, 0)
      if (now !== known) since = performance.now()
      known = now
      if (performance.now() - since > HANG_MS) failed(`hangs after ${now} cases`)
    }, 1_000)
    worker.once('message', end)
    worker.once('error', (error) => failed(`the thread died: ${error.stack ?? error.message}`))
    worker.once('exit', () => failed('the thread ended without a result'))
  })
}

/** Runs the targets, several at the same time; the rows come in the order of the targets. */
async function runAll({ chosen, cases, seed, path, jobs }: Given): Promise<readonly FuzzRow[]> {
  const shares = [...spread(chosen, cases)]
  const rows: FuzzRow[] = []
  let next = 0
  const job = async (): Promise<void> => {
    for (let at = next++; at < shares.length; at = next++) {
      const [{ name, what }, share] = shares[at]!
      const result = await runInThread(name, share, seed, path)
      rows[at] = { name, what, ...result }
      tell(name, share, seed, result)
    }
  }
  await Promise.all(Array.from({ length: jobs }, job))
  return rows
}

function tell(name: string, share: number, seed: number, { cases, durationMs, failure }: FuzzResult): void {
  const verdict = failure === undefined ? '0 failures' : 'FAILED'
  console.log(
    `${name.padEnd(18)} ${cases} cases, seed ${seed}, ${(durationMs / 1_000).toFixed(1)} s, ${verdict}`,
  )
  if (failure === undefined) return
  const path = failure.path === '' ? '' : ` --path ${failure.path}`
  console.log(`  npm run fuzz -- --target ${name} --cases ${share} --seed ${seed}${path}`)
  console.log(failure.report)
  process.exitCode = 1
}

async function main(): Promise<void> {
  let given: Given
  try {
    given = readArguments()
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    process.exitCode = 2
    return
  }
  if (given.help) {
    console.log(USAGE)
    return
  }
  const rows = await runAll(given)
  console.log(`${rows.reduce((sum, { cases }) => sum + cases, 0)} cases in total`)
  if (given.report !== undefined) await writeFile(given.report, reportOf(rows, given))
}

await main()
