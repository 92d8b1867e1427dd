import { inspect } from 'node:util'
import fc from 'fast-check'
import { assertClean, prototypesNow } from './prototype-guard.ts'

/** What a run is asked for. */
export interface FuzzRun {
  readonly cases: number
  readonly seed: number
  /** Where fast-check found a failure, to go straight to it. */
  readonly path?: string | undefined
  /** Told after each case, with their count. */
  readonly onCase?: ((count: number) => void) | undefined
}

/** What came of it. */
export interface FuzzResult {
  readonly cases: number
  readonly durationMs: number
  /** Undefined when every case held. */
  readonly failure: { readonly report: string; readonly path: string } | undefined
}

/** One kind of bad input, and what has to hold for it. The short and the long mode run the same. */
export interface FuzzTarget {
  readonly name: string
  /** Input and criterion, in one sentence. */
  readonly what: string
  /** Cases of the short mode. */
  readonly shortCases: number
  /** Part of the long mode's cases, against that of the others. */
  readonly weight: number
  /** Most cases of a long run of 1,000,000, for targets whose cases cost much. */
  readonly mostCases: number
  run(run: FuzzRun): Promise<FuzzResult>
}

export interface FuzzTargetOptions<T, C> {
  readonly name: string
  readonly what: string
  readonly shortCases: number
  /** Default 1. */
  readonly weight?: number
  /** Default: no limit. */
  readonly mostCases?: number
  readonly input: fc.Arbitrary<T>
  /** What all cases of a run share, such as a server. */
  open?(): C | Promise<C>
  close?(shared: C): void | Promise<void>
  /** Throws when something does not hold. */
  check(input: T, shared: C): void | Promise<void>
}

/** More processor time than this for one case counts as a hang, in microseconds. */
const MOST_CPU_US = 5_000_000
/** A case that waits for longer than this, in milliseconds, waits for ever. */
const MOST_WAIT_MS = 60_000

/** Characters of a failing input that are shown. */
const MOST_REPORT = 3_000

/** A target from an input and a check; around each case it looks for lost time and changed prototypes. */
export function fuzzTarget<T, C = undefined>(options: FuzzTargetOptions<T, C>): FuzzTarget {
  const { name, what, shortCases, weight = 1, mostCases = Number.POSITIVE_INFINITY, input } = options
  const run = async ({ cases, seed, path, onCase }: FuzzRun): Promise<FuzzResult> => {
    const shared = (await options.open?.()) as C
    const startedAt = performance.now()
    let count = 0
    const property = fc.asyncProperty(input, async (value) => {
      const clean = prototypesNow()
      const cpu = process.threadCpuUsage()
      const checked = options.check(value, shared)
      if (checked !== undefined) await bounded(checked)
      const { user, system } = process.threadCpuUsage(cpu)
      if (user + system > MOST_CPU_US) throw new Error(`took ${(user + system) / 1_000} ms of processor time`)
      assertClean(clean)
      onCase?.(++count)
    })
    try {
      const details = await fc.check(property, {
        numRuns: cases,
        seed,
        ...(path === undefined ? {} : { path, endOnFailure: true }),
      })
      const durationMs = performance.now() - startedAt
      const failure = details.failed
        ? {
            report: `${inspect(details.errorInstance)}\n${(fc.defaultReportMessage(details) ?? '').slice(0, MOST_REPORT)}`,
            path: details.counterexamplePath ?? '',
          }
        : undefined
      return { cases: details.numRuns, durationMs, failure }
    } finally {
      await options.close?.(shared)
    }
  }
  return { name, what, shortCases, weight, mostCases, run }
}

async function bounded(checked: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not settled after ${MOST_WAIT_MS} ms`)), MOST_WAIT_MS)
  })
  await Promise.race([checked, late]).finally(() => clearTimeout(timer))
}
