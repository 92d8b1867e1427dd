/** One way of doing a thing, to be timed against others. */
export interface Contender {
  readonly name: string
  /** Does it once; what it resolves to is the time in milliseconds if it measured itself. */
  run(): Promise<unknown> | unknown
}

/** What was measured of one contender, many times: times in milliseconds, or what `unit` says. */
export interface Timing {
  readonly name: string
  /** Default: milliseconds. */
  readonly unit?: 'MB'
  readonly median: number
  readonly p99: number
  readonly fastest: number
  readonly samples: number
  /** Why there are no times. */
  readonly failure?: string
}

/** Times all contenders in turns, so that whatever else the machine does falls on all of them alike. */
export async function race(
  contenders: readonly Contender[],
  rounds: number,
  warmUps = Math.ceil(rounds / 5),
): Promise<Timing[]> {
  const times = contenders.map((): number[] => [])
  const failures = contenders.map((): string | undefined => undefined)
  const turns = [...contenders.entries()]
  for (let round = -warmUps; round < rounds; round++) {
    // there and back, so that no one always has the same one before it
    for (const [index, contender] of round % 2 === 0 ? turns : turns.toReversed()) {
      if (failures[index] !== undefined) continue
      try {
        const startedAt = performance.now()
        const own = await contender.run()
        if (round >= 0) times[index]!.push(typeof own === 'number' ? own : performance.now() - startedAt)
      } catch (error) {
        failures[index] = (error as Error).message.split('\n')[0]!
      }
    }
  }
  return contenders.map(({ name }, index) => timing(name, times[index]!, failures[index]))
}

/** Sums up many measurements of one thing; their order does not matter. */
export function timing(name: string, times: readonly number[], failure?: string): Timing {
  const sorted = [...times].sort((a, b) => a - b)
  const base = {
    name,
    median: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    fastest: percentile(sorted, 0),
    samples: sorted.length,
  }
  return failure === undefined ? base : { ...base, failure }
}

/** The measurement below which a share of the sorted ones lie; NaN where there are none. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
