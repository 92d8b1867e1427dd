import { afterAll, beforeAll } from 'vitest'
import { waitFor } from './wait-for.ts'

/** What keeps this process alive right now: how many of each kind, as Node names them. */
export function countOpenHandles(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

/**
 * Waits until there are no more sockets, servers, processes, file watchers and timers than before.
 *
 * @throws Error that names what is left after `timeoutMs` (default 5,000).
 */
export async function expectNoMoreHandlesThan(before: Map<string, number>, timeoutMs = 5_000): Promise<void> {
  let left: string[] = []
  const isClean = () => {
    left = [...countOpenHandles()]
      .filter(([kind, count]) => count > (before.get(kind) ?? 0))
      .map(([kind, count]) => `${count - (before.get(kind) ?? 0)} × ${kind}`)
    return left.length === 0
  }
  await waitFor(isClean, { timeoutMs }).catch((cause) => {
    throw new Error(`Left open after the tests: ${left.join(', ')}. Something was not closed.`, { cause })
  })
}

/** Call it once, first, in a test file or a `describe`: the file fails when its tests leave anything open. */
export function withoutOpenHandles(): void {
  let before = new Map<string, number>()
  beforeAll(() => {
    before = countOpenHandles()
  })
  afterAll(() => expectNoMoreHandlesThan(before))
}
