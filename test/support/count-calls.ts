import { Session } from 'node:inspector/promises'

/**
 * How many calls of functions of livetree and zod an action makes, without those of the code that ran before. Time is no
 * measure on a busy machine; calls are the same on every one.
 */
export async function countCalls(action: () => unknown): Promise<number> {
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
    await session.post('Profiler.takePreciseCoverage')
    action()
    const { result } = await session.post('Profiler.takePreciseCoverage')
    let count = 0
    for (const { url, functions } of result)
      if (/packages\/[a-z]+\/(src|dist)|node_modules\/zod/.test(url))
        for (const { ranges } of functions) count += ranges[0]?.count ?? 0
    return count
  } finally {
    await session.post('Profiler.disable')
    session.disconnect()
  }
}
