import type { EtcdClient } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { CallLimit } from '../workspace.ts'
import { watchPast } from './watch-past.ts'

/** A client whose watches reach nothing, and fail with the reason of the signal. */
const silent = {
  watch: {
    subscribe: () => ({
      cancel: () => {},
      reached: (_revision: number, { signal }: { readonly signal: AbortSignal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
        }),
    }),
  },
} as unknown as EtcdClient

const query = { after: 1, until: 2, clusterId: 0n, onBatch: () => {} }

test('watchPast: a timer that is ahead of the clock ends with a timeout, as the clock does', async () => {
  // The clock stands, so that the limit itself is never over.
  const limit = new CallLimit(10, () => 0, undefined)
  await expect(watchPast(silent, { key: 'x' }, limit, query)).rejects.toMatchObject({
    name: 'AdminError',
    code: 'timeout',
  })
})

test('watchPast: the signal of the caller ends it as aborted', async () => {
  const limit = new CallLimit(10_000, () => 0, AbortSignal.timeout(5))
  await expect(watchPast(silent, { key: 'x' }, limit, query)).rejects.toMatchObject({
    name: 'AdminError',
    code: 'aborted',
  })
})
