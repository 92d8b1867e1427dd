import type { Clock } from '../source/source.ts'

/** A clock controlled by a test. */
export interface TestClock extends Clock {
  /** Number of timers that are set and have not run. */
  readonly pendingTimers: number
  /** Advances time by `ms` milliseconds and runs due timers in order, with a turn of the event loop after each. */
  advance(ms: number): Promise<void>
  /** Sets the clock forward or back by `ms` milliseconds without affecting timers. */
  step(ms: number): void
}

/** Creates a clock that only advances when a test calls `advance` or `step`. Starts at 1,000,000 ms. */
export function createTestClock(): TestClock {
  const timers = new Map<number, { at: number; run: () => void }>()
  let now = 1_000_000
  let offset = 0
  let lastId = 0

  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const nextDue = (until: number) => {
    const due = [...timers].filter(([, timer]) => timer.at <= until)
    return due.sort(([idA, a], [idB, b]) => a.at - b.at || idA - idB)[0]
  }
  return {
    now: () => now + offset,
    setTimeout(run, ms) {
      timers.set(++lastId, { at: now + ms, run })
      return lastId
    },
    clearTimeout: (timer) => void timers.delete(timer as number),
    get pendingTimers() {
      return timers.size
    },
    step(ms) {
      offset += ms
    },
    async advance(ms) {
      const until = now + ms
      await turn()
      for (let due = nextDue(until); due !== undefined; due = nextDue(until)) {
        const [id, timer] = due
        timers.delete(id)
        now = timer.at
        timer.run()
        await turn()
      }
      now = until
      await turn()
    },
  }
}
