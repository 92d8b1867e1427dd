import { describe, expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { runSample, samplesOf } from './run-sample.ts'

withoutOpenHandles()

/** What each sample logs, in the order of the document. */
const LOGS: readonly [name: string, lines: readonly string[]][] = [
  ['Lock', ['true', 'held true undefined', 'worker-1', 'cancelled']],
  ['ReadLock, WriteLock', ['reading', 'writing true']],
  ['Semaphore', ['crawler-1']],
  ['Election.run', ['node-1', 'resigned true']],
  ['Barrier', ['passed']],
  ['DoubleBarrier', ['2 left together']],
  ['Counter', ['2 1 1']],
  ['Party', ['host-1 at 10.0.0.1', '0']],
  ['Queue', ['hello undefined']],
  ['LockingQueue', ['bill 1', '2 sent']],
  ['TreeCache', ['now false', 'flags/dark-mode,false live']],
  ['SetPartitioner', ['feed-0,feed-1,feed-2']],
  ['DataWatch, ChildrenWatch', ['blue a', 'green a,b']],
  ['read, write, delete', ['8080', 'app/port 8080', '1 1']],
  ['ttl, refresh', ['true 60', '0']],
  ['watch', ['green', 'app/mode green']],
  ['Lock of python-etcd', ['true', '0']],
]

const [beginning = '', ...samples] = samplesOf('docs/from-kazoo-and-python-etcd.md')

describe('docs/from-kazoo-and-python-etcd.md', () => {
  it('has a sample for each operation', () => {
    expect(samples).toHaveLength(LOGS.length)
  })

  oneEtcd('on', (etcd) => {
    it.each(LOGS.map(([name, lines], index) => ({ name, lines, index })))(
      'has code for $name that runs and does what it says',
      async ({ lines, index }) => {
        const server = await etcd.start()
        expect(await runSample(`${beginning}\n${samples[index]}`, server.endpoint)).toEqual(lines)
      },
    )
  })
})
