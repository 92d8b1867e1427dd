import { expect, test } from 'vitest'
import { startProcessorTime } from './processor-time.ts'

test('startProcessorTime counts what is worked, and not what is waited', () => {
  const waited = startProcessorTime()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
  expect(waited()).toBeLessThan(300)
  const worked = startProcessorTime()
  const { user } = process.cpuUsage()
  while (process.cpuUsage().user - user < 30_000);
  expect(worked()).toBeGreaterThanOrEqual(29)
})
