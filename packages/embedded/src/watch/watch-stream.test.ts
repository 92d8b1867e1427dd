import type { Init, WatchResponse } from '@livetree/etcd/wire'
import { expect, test } from 'vitest'
import { ManualClock } from '../manual-clock.test.kit.ts'
import { MvccStore } from '../mvcc/store.ts'
import { WatchHub } from './watch-hub.ts'
import { WatchStream } from './watch-stream.ts'

/** A watch stream on a store, to a client that reads only while `isReading`. */
function setUp() {
  const store = new MvccStore({ attach: () => {}, detach: () => {} })
  const hub = new WatchHub(store)
  const client = {
    isReading: true,
    isBroken: false,
    got: [] as Init<WatchResponse>[],
    failures: [] as unknown[],
  }
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
        if (client.isBroken) throw new RangeError('too large')
        client.got.push(response)
        return client.isReading
      },
      fail: (error) => void client.failures.push(error),
      assertMayWatch: () => {},
    },
  )
  const put = (key: string): void => {
    store.write((txn) => txn.put(key, Buffer.from('x'), 0n))
    hub.publish()
  }
  const create = (value: { key: string; rangeEnd?: string; startRevision?: number }) => {
    const blank = {
      rangeEnd: '',
      progressNotify: false,
      filters: [],
      prevKv: false,
      watchId: 0,
      fragment: false,
    }
    const { key, startRevision = 0 } = value
    const request = {
      ...blank,
      key: Buffer.from(key),
      rangeEnd: Buffer.from(value.rangeEnd ?? ''),
      startRevision,
    }
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

test('WatchStream tells one revision of any size from history', async () => {
  const { store, client, create, turn } = setUp()
  store.write((txn) => {
    for (let n = 0; n < 200_000; n += 1) txn.put(`a${n}`, Buffer.alloc(0), 0n)
  })
  create({ key: 'a', rangeEnd: 'b', startRevision: 2 })
  await turn()
  expect(client.got.at(-1)?.events?.length).toBe(200_000)
  expect(client.failures).toEqual([])
})

test('WatchStream ends itself, and nothing else, when something cannot be told', async () => {
  const { client, put, create, turn } = setUp()
  create({ key: 'a' })
  client.isBroken = true
  // Whoever writes does not hear of it, and neither does the process.
  expect(() => put('a')).not.toThrow()
  expect(client.failures).toEqual([new RangeError('too large')])
  client.isBroken = false
  create({ key: 'a', startRevision: 2 })
  client.isBroken = true
  await turn()
  expect(client.failures.length).toBe(2)
})
