import type { Init, WatchResponse } from '@livetree/etcd/wire'
import { expect, test, vi } from 'vitest'
import { ManualClock } from '../manual-clock.test.kit.ts'
import { MvccStore } from '../mvcc/store.ts'
import { WatchHub } from './watch-hub.ts'
import { WatchStream } from './watch-stream.ts'

/** A watch stream on a store, to a client that reads only while `isReading`. */
function setUp() {
  const store = new MvccStore({ attach: () => {}, detach: () => {} })
  const hub = new WatchHub()
  const client = {
    isReading: true,
    isBroken: false,
    got: [] as Init<WatchResponse>[],
    failures: [] as unknown[],
  }
  const source = {
    store,
    hub,
    clock: new ManualClock(),
    progressIntervalMs: 1000,
    header: (revision: number) => ({ clusterId: 1n, memberId: 2n, revision, raftTerm: 2 }),
  }
  const open = () =>
    new WatchStream(source, {
      send(response) {
        if (client.isBroken) throw new RangeError('too large')
        client.got.push(response)
        return client.isReading
      },
      fail: (error) => void client.failures.push(error),
      assertMayWatch: () => {},
    })
  const stream = open()
  const put = (key: string): void => {
    store.write((txn) => txn.put(key, Buffer.from('x'), 0n))
    hub.written(store.revision, store.changesAt(store.revision))
    hub.publish()
  }
  const create = (value: { key: string; rangeEnd?: string; startRevision?: number }, to = stream) => {
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
    to.receive({ request: { type: 'create', value: request } })
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const revisions = (): number[] =>
    client.got.flatMap(({ events = [] }) => events.map(({ kv }) => kv!.modRevision!))
  return { store, client, stream, open, put, create, turn, revisions }
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

test('WatchStream ends only itself when it cannot send a response', async () => {
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

/** Writes `count` revisions of other keys. */
function fill(store: MvccStore, count: number): void {
  for (let n = 0; n < count; n += 1) store.write((txn) => txn.put(`busy/${n % 100}`, Buffer.from('x'), 0n))
}

test.each([
  ['keys', (n: number) => ({ key: `quiet/${n}`, startRevision: 2 })],
  ['spans', (n: number) => ({ key: `quiet/${n}`, rangeEnd: `quiet/${n}/`, startRevision: 2 })],
])('WatchStream reads long histories for many watchers of %s in short turns', async (kind, request) => {
  const { store, client, put, create, turn, revisions } = setUp()
  const looked = vi.spyOn(store, 'changesAt')
  fill(store, 5000)
  const count = 200
  for (let n = 0; n < count; n += 1) create(request(n))
  put('quiet/7')
  looked.mockClear()
  let most = 0
  while (revisions().length === 0) {
    const before = looked.mock.calls.length
    await turn()
    most = Math.max(most, looked.mock.calls.length - before)
  }
  // One pass over the log serves all of them, at most 100 revisions for 200 watchers a turn; a key needs no pass.
  expect(looked.mock.calls.length).toBe(kind === 'keys' ? 0 : 5001)
  expect(most).toBeLessThanOrEqual(kind === 'keys' ? 0 : 100)
  expect(revisions()).toEqual([store.revision])
  await turn()
  put('quiet/199')
  expect(revisions().at(-1)).toBe(store.revision)
  expect(client.failures).toEqual([])
})

test('WatchStream reads histories of many streams within one turn budget', async () => {
  const first = setUp()
  fill(first.store, 10_000)
  const looked = vi.spyOn(first.store, 'changesAt')
  const streams = Array.from({ length: 20 }, () => first.open())
  for (const stream of streams) first.create({ key: 'quiet', rangeEnd: 'quiet0', startRevision: 2 }, stream)
  await first.turn()
  expect(looked.mock.calls.length).toBeLessThanOrEqual(10_001)
  for (const stream of streams) stream.close()
  await first.turn()
  const closed = looked.mock.calls.length
  await first.turn()
  expect(looked.mock.calls.length).toBe(closed)
})

test('WatchStream tells every revision once, whatever the watchers, while writes go on', async () => {
  const { store, client, put, create, turn } = setUp()
  fill(store, 3000)
  const starts = [2, 700, 1500, 2999]
  for (const startRevision of starts) create({ key: 'busy/7', startRevision })
  for (const startRevision of starts) create({ key: 'busy/', rangeEnd: 'busy0', startRevision })
  const isLive = (): boolean =>
    client.got.filter(({ events }) => events?.at(-1)?.kv?.modRevision === store.revision).length > 0
  for (let n = 0; n < 20 || !isLive(); n += 1) {
    put('busy/7')
    await turn()
  }
  for (const [index, startRevision] of starts.entries()) {
    for (const [id, isSpan] of [
      [index, false],
      [index + starts.length, true],
    ] as const) {
      const expected: number[] = []
      for (let revision = startRevision; revision <= store.revision; revision += 1) {
        const isKey = revision > 3001 || (revision - 2) % 100 === 7
        if (isSpan || isKey) expected.push(revision)
      }
      const told = client.got
        .filter(({ watchId }) => watchId === id)
        .flatMap(({ events = [] }) => events.map(({ kv }) => kv!.modRevision!))
      expect(told).toEqual(expected)
    }
  }
})
