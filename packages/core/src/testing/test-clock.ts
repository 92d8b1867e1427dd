import type { Clock } from '../source/source.ts'

export interface TestClock extends Clock {
  /** Timers that are set and have not run. */
  readonly pendingTimers: number
  /** Moves time on by `ms` and runs what falls due, in order; promises get their turn after each timer. */
  advance(ms: number): Promise<void>
  /** Puts the clock forward or back; timers run as if it had not been. */
  step(ms: number): void
}

/** A clock that stands still until a test moves it. Starts at 1,000,000. */
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
