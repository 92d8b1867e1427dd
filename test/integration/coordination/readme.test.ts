import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { runSample, samplesOf } from './run-sample.ts'

withoutOpenHandles()

/** What each block logs, in the order of the README. */
const LOGS = [
  ['paid true', 'done, with token true true undefined'],
  ['leader node-1:8081', 'node-2', 'undefined'],
  ['true true undefined', '0 1 1'],
  ['any number of readers', 'one writer true', 'host-1 at 10.0.0.1', 'true live', 'false'],
  ['hello undefined', 'bill 2 1', 'bill 1 goes back, because it is not completed'],
  ['feed-0, feed-1, feed-2, feed-3'],
]

oneEtcd('the README of @livetree/coordination', (etcd) => {
  it('has code that runs and does what it says', async () => {
    const server = await etcd.start()
    const samples = samplesOf('packages/coordination/README.md')
    expect(samples).toHaveLength(LOGS.length)
    for (const [index, sample] of samples.entries())
      expect(await runSample(sample, server.endpoint)).toEqual(LOGS[index])
  })
})
