import { createTestClock, type ReplaceUpdate, silentLogger } from '@livetree/core'
import { type EtcdClient, EtcdError, type WatchHandlers } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { EtcdConnection } from './connection.ts'
import { Overlays } from './overlays.ts'

interface Position {
  readonly revision: number
  readonly clusterId: bigint
}

/** A store that is replaced behind its address at the worst moment: no real one can be made to do that on demand. */
function openOnFake(revisions: number[], headers: Position[] = [], clusterIds: bigint[] = []) {
  const watches: WatchHandlers[] = []
  const replaces: ReplaceUpdate[] = []
  const lost: boolean[] = []
  const client = {
    kv: {
      scan: async () => ({ revision: revisions.shift() ?? 0, clusterId: clusterIds.shift() ?? 1n, count: 0 }),
      get: async () => undefined,
      getRange: async () => ({ header: headers.shift() }),
    },
    watch: {
      subscribe: (_range: unknown, handlers: WatchHandlers) => {
        watches.push(handlers)
        return {
          state: 'live',
          cancel: () => handlers.onEnd?.(undefined),
          // as one whose position is past whatever is asked for
          reached: async () => undefined,
        }
      },
    },
  } as unknown as EtcdClient
  const clock = createTestClock()
  const connection = new EtcdConnection({
    client,
    isOwned: false,
    tree: { root: '/x', overlays: [], name: 'etcd', pageSize: undefined },
    overlays: new Overlays('/x', []),
    context: {
      clock,
      logger: silentLogger,
      sink: {
        prepare: () => {},
        replace: (update) => replaces.push(update),
        patch: () => {},
        alive: () => {},
        lost: ({ isFinal }) => lost.push(isFinal),
      },
    },
  })
  return { connection, watches, replaces, lost, clock }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('EtcdConnection: a store that the watch saw replaced is a new epoch, also when it has caught up by the next list', async () => {
  const { connection, watches, replaces, clock } = openOnFake([10, 20])
  await turn()
  watches[0]!.onEnd!(new EtcdError('cluster_changed'))
  await turn()
  await clock.advance(1_000)
  await turn()
  expect(replaces.map(({ revision, epoch, resync }) => ({ revision, epoch, resync }))).toEqual([
    { revision: 10, epoch: 0, resync: false },
    { revision: 20, epoch: 1, resync: true },
  ])
  await connection.close()
})

test('EtcdConnection: a compacted history is listed again in the same epoch, at once', async () => {
  const { connection, watches, replaces } = openOnFake([10, 20])
  await turn()
  watches[0]!.onEnd!(new EtcdError('compacted'))
  await turn()
  expect(replaces.map(({ epoch }) => epoch)).toEqual([0, 0])
  await connection.close()
})

test('EtcdConnection: what trying again cannot mend is said to be final, and tried again slowly', async () => {
  const { connection, watches, replaces, lost, clock } = openOnFake([10, 20])
  await turn()
  watches[0]!.onEnd!(new EtcdError('permission_denied'))
  await turn()
  expect(lost).toEqual([true])
  await clock.advance(10_000)
  await turn()
  expect(replaces).toHaveLength(1)
  await clock.advance(20_000)
  await turn()
  expect(replaces).toHaveLength(2)
  await connection.close()
})

test.each([
  { how: 'another cluster id', header: { revision: 10, clusterId: 2n } },
  { how: 'a lower revision', header: { revision: 5, clusterId: 1n } },
])('EtcdConnection.refresh: with $how, the position in the old store proves nothing', async ({ header }) => {
  const { connection, watches, replaces, clock } = openOnFake(
    [10, 12],
    [header, { ...header, revision: 12 }],
    [1n, header.clusterId],
  )
  await turn()
  let isRefreshed = false
  const refreshing = connection.refresh(new AbortController().signal).then(() => {
    isRefreshed = true
  })
  await turn()
  expect(isRefreshed).toBe(false)
  watches[0]!.onEnd!(new EtcdError('cluster_changed'))
  await turn()
  await clock.advance(1_000)
  await turn()
  expect(replaces.map(({ revision, epoch }) => [revision, epoch])).toEqual([
    [10, 0],
    [12, 1],
  ])
  await refreshing
  await connection.close()
})
