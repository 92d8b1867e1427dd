import { EventType, KV, Lease, WatchFilter } from '@livetree/etcd/wire'
import { describe, expect, test } from 'vitest'
import { waitFor } from '../support/wait-for.ts'
import { eachServer, eachServerAndWay, fresh, prefixEnd, put, revisionOf } from './contract-server.ts'
import { differs } from './differences.ts'
import { op } from './operations.ts'
import { shortly, WatchClient } from './watch-client.ts'

eachServerAndWay('Watch', (server) => {
  if (!server.isDuplex) {
    test.skip('its gateway answers at the end of a request: gateway.test.ts compares the lines', () => {})
    return
  }
  const current = server.use()

  /** Runs a test on a watch stream of its own. */
  const watching = async (work: (watch: WatchClient) => Promise<void>): Promise<void> => {
    const watch = new WatchClient(current().client)
    try {
      await work(watch)
    } finally {
      watch.stream.reset()
    }
  }

  /** Changes a key that another watch on the stream tells of: what was to come before has come, or never will. */
  const nothingElse = async (watch: WatchClient): Promise<void> => {
    const key = fresh('marker')
    const { watchId } = await watch.create({ key })
    await put(current().client, key, 'x')
    const response = await watch.next()
    expect([response.watchId, response.events.map(shortly)]).toEqual([watchId, [`put ${key}=x`]])
    watch.cancel(watchId)
    expect(await watch.next()).toMatchObject({ watchId, canceled: true })
  }

  test('26 created comes first, under the revision of the store', () =>
    watching(async (watch) => {
      const { client } = current()
      const revision = await put(client, fresh('w'), '1')
      const response = await watch.create({ key: fresh('w') })
      expect(response).toMatchObject({
        watchId: 0,
        created: true,
        canceled: false,
        events: [],
        header: { revision },
      })
      const history = await watch.create({ key: 'w', rangeEnd: 'x', startRevision: revision })
      expect(history).toMatchObject({ watchId: 1, created: true, events: [], header: { revision } })
      expect((await watch.next()).events.length).toBe(1)
    }))

  test('27 without a start only what comes later is told', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      await put(client, key, 'before')
      await watch.create({ key })
      const revision = await put(client, key, 'after')
      const { events, header, watchId } = await watch.next()
      expect(watchId).toBe(0)
      expect(header?.revision).toBe(revision)
      expect(events.map(shortly)).toEqual([`put ${key}=after`])
      expect(events[0]?.kv).toMatchObject({ modRevision: revision, version: 2 })
      await client.call(KV.deleteRange, { key })
      const [deleted] = await watch.events(1)
      expect(deleted).toEqual({
        type: EventType.delete,
        kv: {
          key: Buffer.from(key),
          modRevision: revision + 1,
          createRevision: 0,
          version: 0,
          value: Buffer.alloc(0),
          lease: 0n,
        },
        prevKv: undefined,
      })
    }))

  test('28 history from a start on is inclusive, in order and complete', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      const first = await put(client, key, '1')
      await put(client, key, '2')
      await client.call(KV.deleteRange, { key })
      await put(client, key, '3')
      await watch.create({ key, startRevision: first })
      const events = await watch.events(4)
      expect(events.map(shortly)).toEqual([`put ${key}=1`, `put ${key}=2`, `delete ${key}`, `put ${key}=3`])
      expect(events.map(({ kv }) => kv!.modRevision)).toEqual([0, 1, 2, 3].map((n) => first + n))
      await put(client, key, '4')
      expect((await watch.events(1)).map(shortly)).toEqual([`put ${key}=4`])
    }))

  test('29 the events of one revision come together, live and from history', () =>
    watching(async (watch) => {
      const { client } = current()
      const p = fresh('w')
      const range = { key: p, rangeEnd: prefixEnd(p) }
      await watch.create(range)
      const keys = Array.from({ length: 50 }, (_, index) => `${p}${String(index).padStart(2, '0')}`)
      const { header } = await client.call(KV.txn, {
        success: keys.map((key) => op.put({ key, value: '1' })),
      })
      const expected = keys.map((key) => `put ${key}=1`)
      expect((await watch.next()).events.map(shortly)).toEqual(expected)
      await watch.create({ ...range, startRevision: header!.revision })
      expect((await watch.next()).events.map(shortly)).toEqual(expected)
    }))

  test('30 history comes in batches of 1000 revisions at most, under the revision of the store', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      const first = await put(client, key, '0')
      for (let n = 1; n < 2400; n += 100) {
        await Promise.all(Array.from({ length: 100 }, (_, index) => put(client, key, String(n + index))))
      }
      const revision = await revisionOf(client)
      await watch.create({ key, startRevision: first })
      const sizes: number[] = []
      let next = first
      while (next <= revision) {
        const { events, header } = await watch.next()
        expect(header?.revision).toBe(revision)
        for (const { kv } of events) {
          expect(kv?.modRevision).toBe(next)
          next += 1
        }
        sizes.push(events.length)
      }
      expect(sizes).toEqual([1000, 1000, revision - first + 1 - 2000])
    }))

  test('31 a single key, a range, a prefix, from a key on, and everything', () =>
    watching(async (watch) => {
      const { client } = current()
      const p = fresh('w')
      const ranges = [
        { key: `${p}b` },
        { key: `${p}a`, rangeEnd: `${p}c` },
        { key: p, rangeEnd: prefixEnd(p) },
        { key: `${p}b`, rangeEnd: '\0' },
        { rangeEnd: '\0' },
      ]
      const told = new Map<number, string[]>()
      for (const range of ranges) told.set((await watch.create(range)).watchId, [])
      for (const name of ['a', 'b', 'c']) await put(client, p + name, name)
      let left = 1 + 2 + 3 + 2 + 3
      while (left > 0) {
        const { watchId, events } = await watch.next()
        told.get(watchId)!.push(...events.map(({ kv }) => kv!.key.toString().slice(p.length)))
        left -= events.length
      }
      expect([...told.values()]).toEqual([['b'], ['a', 'b'], ['a', 'b', 'c'], ['b', 'c'], ['a', 'b', 'c']])
      // Nothing was told twice: the next message is the answer to this.
      watch.askProgress()
      expect(await watch.next()).toMatchObject({ watchId: -1, events: [] })
    }))

  test('31 an empty range is refused', () =>
    watching(async (watch) => {
      expect(await watch.create({ key: 'b', rangeEnd: 'a' })).toMatchObject({
        watchId: -1,
        canceled: true,
        cancelReason: 'mvcc: watcher range is empty',
      })
      await nothingElse(watch)
    }))

  test('32 filters leave out puts or deletes', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      const deletes = await watch.create({ key, filters: [WatchFilter.noPut] })
      await put(client, key, '1')
      await client.call(KV.deleteRange, { key })
      expect(await watch.next()).toMatchObject({
        watchId: deletes.watchId,
        events: [{ type: EventType.delete }],
      })
      watch.cancel(deletes.watchId)
      expect((await watch.next()).canceled).toBe(true)
      await watch.create({ key, filters: [WatchFilter.noDelete] })
      await put(client, key, '2')
      await client.call(KV.deleteRange, { key })
      await put(client, key, '3')
      expect((await watch.events(2)).map(shortly)).toEqual([`put ${key}=2`, `put ${key}=3`])
      await watch.create({ key: fresh('w'), filters: [WatchFilter.noDelete, WatchFilter.noPut] })
      await nothingElse(watch)
    }))

  test('33 prev_kv is there on change and delete, and absent on create', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      const first = await put(client, key, '1')
      await put(client, key, '2')
      await client.call(KV.deleteRange, { key })
      await put(client, key, '3')
      await watch.create({ key, prevKv: true, startRevision: first })
      const before = (await watch.events(4)).map(({ prevKv }) => prevKv?.value.toString())
      expect(before).toEqual([undefined, '1', '2', undefined])
      await put(client, key, '4')
      expect((await watch.events(1))[0]?.prevKv).toMatchObject({ value: Buffer.from('3'), version: 1 })
    }))

  test('33 prev_kv is absent when it was compacted away', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      await put(client, key, '1')
      const second = await put(client, key, '2')
      await client.call(KV.compact, { revision: second })
      await watch.create({ key, prevKv: true, startRevision: second })
      expect((await watch.events(1))[0]).toMatchObject({ kv: { version: 2 }, prevKv: undefined })
    }))

  test('34 a start in the future tells only of revisions from there on', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      const startRevision = (await revisionOf(client)) + 3
      await watch.create({ key, startRevision })
      for (const value of ['1', '2', '3', '4']) await put(client, key, value)
      const events = await watch.events(2)
      expect(events.map(shortly)).toEqual([`put ${key}=3`, `put ${key}=4`])
      expect(events[0]?.kv?.modRevision).toBe(startRevision)
    }))

  test('35 a start before the compact revision is created, then canceled with the compact revision', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      const first = await put(client, key, '1')
      const revision = await put(client, key, '2')
      await client.call(KV.compact, { revision })
      const { watchId } = await watch.create({ key, startRevision: first })
      const response = await watch.next()
      expect(response).toMatchObject({
        watchId,
        created: false,
        canceled: true,
        compactRevision: revision,
        cancelReason: '',
        events: [],
        header: { revision: 0 },
      })
      await nothingElse(watch)
    }))

  test('35 a watch canceled by compaction keeps its id, and progress back, until the client cancels it', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      const first = await put(client, key, '1')
      const revision = await put(client, key, '2')
      await client.call(KV.compact, { revision })
      await watch.create({ key, startRevision: first, watchId: 9 })
      expect((await watch.next()).compactRevision).toBe(revision)
      watch.askProgress()
      const isAnswered = differs(server, 'progressWhateverWatches')
      if (isAnswered) expect(await watch.next()).toMatchObject({ watchId: -1, created: false })
      expect(await watch.create({ key, watchId: 9 })).toMatchObject({ watchId: -1, canceled: true })
      watch.cancel(9)
      expect(await watch.next()).toMatchObject({ watchId: 9, canceled: true, compactRevision: 0 })
      expect(await watch.create({ key, watchId: 9 })).toMatchObject({ watchId: 9, canceled: false })
      watch.askProgress()
      expect(await watch.next()).toMatchObject({ watchId: -1, created: false })
    }))

  test('36 a start at the compact revision works, with what was written there', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      await put(client, key, '1')
      const revision = await put(client, key, '2')
      await client.call(KV.compact, { revision })
      await watch.create({ key, startRevision: revision })
      expect((await watch.events(1)).map(shortly)).toEqual([`put ${key}=2`])
    }))

  test('36 a delete at the compact revision is told', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      await put(client, key, '1')
      const revision = (await client.call(KV.deleteRange, { key })).header!.revision
      await client.call(KV.compact, { revision, physical: true })
      await put(client, key, '2')
      await watch.create({ key, startRevision: revision })
      const first = (await watch.events(1)).map(shortly)
      if (differs(server, 'noDeleteAtCompactRevision')) {
        expect(first).toEqual([`put ${key}=2`])
      } else {
        expect(first[0]).toBe(`delete ${key}`)
      }
    }))

  test('37 compaction does not disturb a watch that is up to date', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      await watch.create({ key })
      await put(client, key, '1')
      expect((await watch.events(1)).map(shortly)).toEqual([`put ${key}=1`])
      for (const value of ['2', '3']) await put(client, fresh('other'), value)
      await client.call(KV.compact, { revision: await revisionOf(client) })
      await put(client, key, '2')
      expect((await watch.events(1)).map(shortly)).toEqual([`put ${key}=2`])
    }))

  test('38 a watch id of the client is echoed, a second one like it is refused with -1', () =>
    watching(async (watch) => {
      expect((await watch.create({ key: fresh('w'), watchId: 77 })).watchId).toBe(77)
      expect(await watch.create({ key: fresh('w'), watchId: 77 })).toMatchObject({
        watchId: -1,
        created: true,
        canceled: true,
        cancelReason: 'mvcc: duplicate watch ID provided on the WatchStream',
      })
      expect((await watch.create({ key: fresh('w') })).watchId).toBe(0)
      expect((await watch.create({ key: fresh('w'), watchId: 1 })).watchId).toBe(1)
      expect((await watch.create({ key: fresh('w') })).watchId).toBe(2)
      await nothingElse(watch)
    }))

  test('38 a start below 0 is refused', () =>
    watching(async (watch) => {
      const key = fresh('w')
      await put(current().client, key, '1')
      const response = await watch.create({ key, startRevision: -1 })
      if (differs(server, 'negativeStartAccepted')) {
        expect(response).toMatchObject({ watchId: 0, canceled: false })
      } else {
        expect(response).toMatchObject({
          watchId: -1,
          canceled: true,
          cancelReason: 'etcdserver: mvcc: required revision has been compacted',
        })
      }
    }))

  test('40 progress_request tells the revision for all watches under -1', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      const first = await put(client, key, '1')
      await watch.create({ key })
      await watch.create({ key, startRevision: first })
      expect((await watch.events(1)).map(shortly)).toEqual([`put ${key}=1`])
      const revision = await put(client, fresh('other'), '1')
      watch.askProgress()
      expect(await watch.next()).toMatchObject({
        watchId: -1,
        header: { revision },
        events: [],
        created: false,
        canceled: false,
      })
    }))

  test('40 progress_request is not answered while a watch is still in the future, even by one revision', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      const startRevision = (await revisionOf(client)) + 1
      await watch.create({ key, startRevision })
      watch.askProgress()
      if (differs(server, 'progressWhateverWatches')) {
        expect(await watch.next()).toMatchObject({ watchId: -1, events: [] })
      }
      const revision = await put(client, fresh('other'), '1')
      expect(revision).toBe(startRevision)
      watch.askProgress()
      expect(await watch.next()).toMatchObject({ watchId: -1, events: [], header: { revision } })
    }))

  test('40 progress_request without a watch is not answered', () =>
    watching(async (watch) => {
      watch.askProgress()
      const { watchId } = await new Promise<{ watchId: number }>((resolve, reject) => {
        watch.stream.send({ request: { type: 'create', value: { key: fresh('w') } } })
        watch.next().then(resolve, reject)
      })
      expect(watchId).toBe(differs(server, 'progressWhateverWatches') ? -1 : 0)
    }))

  test('41 cancel is answered, and nothing more is told', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      const { watchId } = await watch.create({ key })
      watch.cancel(watchId)
      expect(await watch.next()).toMatchObject({
        watchId,
        canceled: true,
        created: false,
        compactRevision: 0,
      })
      await put(client, key, '1')
      // To cancel what is not there is not answered.
      watch.cancel(watchId)
      watch.cancel(99)
      await nothingElse(watch)
    }))

  test('42 with fragment a large message is cut, and the last part says so', () =>
    watching(async (watch) => {
      const { client } = current()
      const p = fresh('w')
      const value = 'x'.repeat(900 * 1024)
      const first = await put(client, `${p}0`, value)
      for (const n of [1, 2, 3]) await put(client, `${p}${n}`, value)
      const range = { key: p, rangeEnd: prefixEnd(p), startRevision: first }
      await watch.create({ ...range, fragment: true })
      const parts = [await watch.next(), await watch.next()]
      expect(parts.map(({ fragment, events }) => [fragment, events.length])).toEqual([
        [true, 2],
        [false, 2],
      ])
      expect(parts[0]?.header?.revision).toBe(parts[1]?.header?.revision)
      await watch.create(range)
      expect(await watch.next()).toMatchObject({ fragment: false, events: { length: 4 } })
    }))

  test('43 revoking a lease deletes its keys in one revision', () =>
    watching(async (watch) => {
      const { client } = current()
      const p = fresh('w')
      const { id } = await client.call(Lease.grant, { ttl: 600 })
      for (const name of ['b', 'a', 'c']) await put(client, p + name, '1', id)
      await watch.create({ key: p, rangeEnd: prefixEnd(p) })
      const { header } = await client.call(Lease.revoke, { id })
      const { events } = await watch.next()
      expect(events.map(shortly)).toEqual(['a', 'b', 'c'].map((name) => `delete ${p}${name}`))
      expect(new Set(events.map(({ kv }) => kv?.modRevision))).toEqual(new Set([header?.revision]))
    }))

  test('43 a lease that expires deletes its keys in one revision', () =>
    watching(async (watch) => {
      const { client } = current()
      const p = fresh('w')
      const { id } = await client.call(Lease.grant, { ttl: 2 })
      for (const name of ['a', 'b']) await put(client, p + name, '1', id)
      await watch.create({ key: p, rangeEnd: prefixEnd(p) })
      const { events } = await watch.next()
      expect(events.map(shortly)).toEqual(['a', 'b'].map((name) => `delete ${p}${name}`))
      expect(new Set(events.map(({ kv }) => kv?.modRevision)).size).toBe(1)
    }))

  test('44 a delete of nothing tells nothing', () =>
    watching(async (watch) => {
      const key = fresh('w')
      await watch.create({ key })
      await current().client.call(KV.deleteRange, { key })
      await nothingElse(watch)
    }))

  test('45 the stream stays open after a watch is canceled, and the others go on', () =>
    watching(async (watch) => {
      const { client } = current()
      const key = fresh('w')
      const [one, two] = [await watch.create({ key }), await watch.create({ key })]
      watch.cancel(one.watchId)
      expect(await watch.next()).toMatchObject({ watchId: one.watchId, canceled: true })
      await put(client, key, '1')
      expect(await watch.next()).toMatchObject({ watchId: two.watchId, events: { length: 1 } })
      watch.cancel(two.watchId)
      expect((await watch.next()).canceled).toBe(true)
      await nothingElse(watch)
    }))
})

eachServer('Watch with progress_notify', (server) => {
  describe('every 200 ms', () => {
    const current = server.use({ progressIntervalMs: 200 })

    test('39 after a quiet interval the revision is told, under the watch id', async () => {
      const { client } = current()
      const watch = new WatchClient(client)
      const key = fresh('w')
      await watch.create({ key, watchId: 5, progressNotify: true })
      const revision = await put(client, fresh('other'), '1')
      let notice = await watch.next()
      // One may have been under way before the put.
      if (notice.header?.revision !== revision) notice = await watch.next()
      expect(notice).toMatchObject({ watchId: 5, events: [], created: false, header: { revision } })
      watch.stream.reset()
    })

    test('39 events take the place of the notice of their interval', async () => {
      const { client } = current()
      const watch = new WatchClient(client)
      const key = fresh('w')
      await watch.create({ key, progressNotify: true })
      // Puts for 1 s and tells how many notices came, and the longest time without an event.
      const change = async (): Promise<{ notices: number; quietMs: number }> => {
        let [notices, quietMs, last] = [0, 0, performance.now()]
        const end = last + 1000
        for (let n = 0; last < end; n += 1) {
          await put(client, key, String(n))
          let response = await watch.next()
          for (; response.events.length === 0; response = await watch.next()) notices += 1
          expect(response.events.map(shortly)).toEqual([`put ${key}=${n}`])
          quietMs = Math.max(quietMs, performance.now() - last)
          last = performance.now()
        }
        return { notices, quietMs }
      }
      // The first round starts in mid-interval. Where the machine or the server stood still for an interval, another one is looked
      // at: a server that sends a notice for each interval sends five in every second.
      await change()
      await waitFor(
        async () => {
          const { quietMs, notices } = await change()
          return quietMs < 100 && notices === 0 ? true : undefined
        },
        { timeoutMs: 40_000, what: 'a second of changes without a gap and without a notice' },
      )
      watch.stream.reset()
    })
  })
})

eachServer('Watch on a server that ends', (server) => {
  const current = server.use()

  test('46 stopping the server ends the stream: with 14, or broken off', async () => {
    const { client, stop } = current()
    const watch = new WatchClient(client)
    await watch.create({ key: 'w' })
    const ended = watch.stream.status.then(
      ({ code }) => code,
      () => 'broken off',
    )
    await stop()
    expect([14, 'broken off']).toContain(await ended)
    await client.closed
  })
})
