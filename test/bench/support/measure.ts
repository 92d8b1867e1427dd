/** One way of doing a thing, to be timed against others. */
export interface Contender {
  readonly name: string
  /** Does it once; what it resolves to is the time in milliseconds if it measured itself. */
  run(): Promise<unknown> | unknown
}

/** Times of one contender, in milliseconds. */
export interface Timing {
  readonly name: string
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
  for (let round = -warmUps; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
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

export function timing(name: string, times: readonly number[], failure?: string): Timing {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  const base = { name, median: at(0.5), p99: at(0.99), fastest: at(0), samples: sorted.length }
  return failure === undefined ? base : { ...base, failure }
}
