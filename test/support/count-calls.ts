import { Session } from 'node:inspector/promises'
import { afterAll, beforeAll } from 'vitest'

/**
 * Counts calls of functions of livetree and zod in the tests of one file. The function given back says how many an action
 * makes, without those of the code that ran before. Time is no measure on a busy machine; calls are the same on every one.
 */
export function callCounter(): (action: () => unknown) => Promise<number> {
  const session = new Session()
  // Both ends walk the whole heap of the worker, so a file pays for them once.
  beforeAll(async () => {
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  })
  afterAll(async () => {
    await session.post('Profiler.disable')
    session.disconnect()
  })
  return async (action) => {
    await session.post('Profiler.takePreciseCoverage')
    action()
    const { result } = await session.post('Profiler.takePreciseCoverage')
    let count = 0
    for (const { url, functions } of result)
      if (/packages\/[a-z]+\/(src|dist)|node_modules\/zod/.test(url))
        for (const { ranges } of functions) count += ranges[0]?.count ?? 0
    return count
  }
}
