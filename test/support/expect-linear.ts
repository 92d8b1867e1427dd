import { expect } from 'vitest'

/** A part of an input: a quarter of a size, and all of it. */
export type Part = 'quarter' | 'whole'

/** What is done once whatever the size: compilation, collection. */
const SLACK_MS = 250

/**
 * Four times the input takes a linear reader four times as long, up to twice that where it no longer fits the processor's
 * caches, and one by squares sixteen times. Both are made ready anew for each measurement. The processor's time counts, not
 * the clock's, and the shortest of several: whatever else the machine does only makes them longer.
 */
export async function expectLinear(what: string, ready: (part: Part) => () => unknown): Promise<void> {
  const shortest = { quarter: Infinity, whole: Infinity }
  for (let count = 0; count < 5; count++) {
    for (const part of ['quarter', 'whole'] as const) {
      const run = ready(part)
      const before = process.cpuUsage()
      await run()
      const { user, system } = process.cpuUsage(before)
      shortest[part] = Math.min(shortest[part], (user + system) / 1000)
    }
    if (shortest.whole <= 12 * shortest.quarter + SLACK_MS) return
  }
  expect.fail(`${what}: ${shortest.quarter} ms for a quarter, ${shortest.whole} ms for the whole`)
}
