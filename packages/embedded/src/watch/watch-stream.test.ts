import type { Init, WatchResponse } from '@livetree/etcd/wire'
import { expect, test } from 'vitest'
import { ManualClock } from '../manual-clock.test.kit.ts'
import { MvccStore } from '../mvcc/store.ts'
import { WatchHub } from './watch-hub.ts'
import { WatchStream } from './watch-stream.ts'

/** A watch stream on a store, to a client that reads only while `isReading`. */
const setUp = () => {
  const store = new MvccStore({ attach: () => {}, detach: () => {} })
  const hub = new WatchHub(store)
  const client = { isReading: true, got: [] as Init<WatchResponse>[] }
  const stream = new WatchStream(
    {
      store,
      hub,
      clock: new ManualClock(),
      progressIntervalMs: 1000,
      header: (revision) => ({ clusterId: 1n, memberId: 2n, revision, raftTerm: 2 }),
    },
    {
      send(response) {
        client.got.push(response)
        return client.isReading
      },
      assertMayWatch: () => {},
    },
  )
  const put = (key: string): void => {
    store.write((txn) => txn.put(key, Buffer.from('x'), 0n))
    hub.publish()
  }
  const create = (value: { key: string; startRevision?: number }) => {
    const blank = {
      rangeEnd: '',
      progressNotify: false,
      filters: [],
      prevKv: false,
      watchId: 0,
      fragment: false,
    }
    const { key, startRevision = 0 } = value
    const request = { ...blank, key: Buffer.from(key), rangeEnd: Buffer.alloc(0), startRevision }
    stream.receive({ request: { type: 'create', value: request } })
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const revisions = (): number[] =>
    client.got.flatMap(({ events = [] }) => events.map(({ kv }) => kv!.modRevision!))
  return { store, client, stream, put, create, turn, revisions }
}

test('WatchStream holds nothing for a client that does not read, and tells it everything when it reads again', async () => {
  const { client, stream, put, create, turn, revisions } = setUp()
  create({ key: 'a' })
  put('a')
  client.isReading = false
  put('a')
  const sent = client.got.length
  for (let n = 0; n < 3000; n += 1) put('a')
  expect(client.got.length).toBe(sent)
  client.isReading = true
  stream.drain()
  for (let n = 0; n < 5; n += 1) await turn()
  expect(revisions()).toEqual(Array.from({ length: 3002 }, (_, index) => index + 2))
  expect(client.got.slice(sent).map(({ events }) => events?.length)).toEqual([1000, 1000, 1000])
  put('a')
  expect(revisions().at(-1)).toBe(3004)
})

test('WatchStream ends a watch whose history was compacted while its client did not read', async () => {
  const { store, client, stream, put, create, turn } = setUp()
  create({ key: 'a' })
  client.isReading = false
  for (let n = 0; n < 5; n += 1) put('a')
  store.compact(6)
  client.isReading = true
  stream.drain()
  await turn()
  expect(client.got.at(-1)).toMatchObject({
    watchId: 0,
    canceled: true,
    compactRevision: 6,
    header: { revision: 0 },
  })
  const sent = client.got.length
  put('a')
  await turn()
  expect(client.got.length).toBe(sent)
})

test('WatchStream tells a write that comes before the history of a watch once, in its place', async () => {
  const { put, create, turn, revisions } = setUp()
  for (let n = 0; n < 3; n += 1) put('a')
  create({ key: 'a', startRevision: 2 })
  put('a')
  await turn()
  put('a')
  expect(revisions()).toEqual([2, 3, 4, 5, 6])
})

test('WatchStream.close takes its watches out of the hub', async () => {
  const { client, stream, put, create, turn } = setUp()
  put('a')
  create({ key: 'a', startRevision: 2 })
  stream.close()
  put('a')
  await turn()
  expect(client.got.length).toBe(1)
})
