import type { SerializedError } from 'vitest'
import { DefaultReporter, type TestModule, type TestRunEndReason } from 'vitest/node'

/** What a run came to. An error outside of any test, such as a file that cannot be loaded, counts as one failed. */
export interface RunCounts {
  passed: number
  failed: number
  skipped: number
}

/** Vitest's own report, and after it one last line for people and scripts alike: `12 passed, 0 failed, 1 skipped`. */
export default class SummaryReporter extends DefaultReporter {
  override onTestRunEnd(
    modules: readonly TestModule[],
    errors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    super.onTestRunEnd(modules, errors, reason)
    process.stdout.write(`${describeCounts(countRun(modules, errors))}\n`)
  }
}

/** Counts the tests of a run, and every error that no test carries. */
export function countRun(modules: readonly TestModule[], errors: readonly SerializedError[]): RunCounts {
  const counts = { passed: 0, failed: errors.length, skipped: 0 }
  for (const module of modules) {
    for (const suite of [module, ...module.children.allSuites()]) counts.failed += suite.errors().length
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      // Still pending at the end means the run was cut short before the test ran.
      counts[state === 'pending' ? 'failed' : state] += 1
    }
  }
  return counts
}

/** The last line of a run. */
export function describeCounts({ passed, failed, skipped }: RunCounts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
