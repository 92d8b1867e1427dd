import { describe, expect, it } from 'vitest'
import { op } from '@livetree/etcd'
import { eachEtcd } from '../support/each-etcd.ts'
import { withoutOpenHandles } from '../support/open-handles.ts'
import { startProxy } from '../support/start-proxy.ts'
import { waitFor } from '../support/wait-for.ts'
import { connect, metric, putMany, Recording } from './etcd-watch-kit.ts'

withoutOpenHandles()

eachEtcd('watch', (etcd) => {
  it('delivers puts and deletes of a key, a prefix, a range and from a key on, each in its range only', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const key = new Recording(client, { key: 'b' })
    const prefix = new Recording(client, { prefix: 'b' })
    const range = new Recording(client, { from: 'b', to: 'c' })
    const from = new Recording(client, { from: 'bb' })
    const puts = new Recording(client, { prefix: '' }, { only: 'puts' })
    const deletes = new Recording(client, { prefix: '' }, { only: 'deletes', prevKv: true })
    const all = [key, prefix, range, from, puts, deletes]
    await waitFor(() => all.every(({ told }) => told[0] === 'created'))
    for (const name of ['a', 'b', 'bb', 'c']) await client.kv.put(name, '1')
    await client.kv.delete('b')
    const { revision } = (await client.kv.put('z', '1')).header
    await waitFor(() => puts.last === revision && from.last === revision)
    expect(all.map(({ changes }) => changes)).toEqual([
      ['+b=1', '-b'],
      ['+b=1', '+bb=1', '-b'],
      ['+b=1', '+bb=1', '-b'],
      ['+bb=1', '+c=1', '+z=1'],
      ['+a=1', '+b=1', '+bb=1', '+c=1', '+z=1'],
      ['-b'],
    ])
    expect(deletes.batches[0]?.events[0]?.prevKv?.value.toString()).toBe('1')
    // All of them on one stream (T1.25), which is closed with the last of them (T1.7).
    expect(await metric(server, 'etcd_debugging_mvcc_watch_stream_total')).toBe(1)
    for (const { watcher } of all) watcher.cancel()
    await waitFor(async () => (await metric(server, 'etcd_debugging_mvcc_watch_stream_total')) === 0)
    await waitFor(async () => (await metric(server, 'etcd_debugging_mvcc_watcher_total')) === 0)
  })

  it('T1.4 a list and a watch after it leave no gap', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    await client.kv.put('a', '0')
    const listed = await client.kv.getRange({ prefix: 'a' })
    const { revision } = (await client.kv.put('a', 'between')).header
    const recording = new Recording(client, { prefix: 'a' }, { afterRevision: listed.header.revision })
    await waitFor(() => recording.last === revision)
    expect(recording.changes).toEqual(['+a=between'])
  })

  it('I.45 a compaction that ends one watch takes no progress from the others on its stream', async () => {
    const server = await etcd.start()
    // long enough that a stream is not given up for what a busy machine does
    const client = connect(server.endpoint, { watch: { progressIntervalMs: 200, progressGraceMs: 30_000 } })
    const quiet = new Recording(client, { key: 'quiet' })
    await waitFor(() => quiet.told[0] === 'created')
    const [first, last] = await putMany(client, 'a', 2)
    await client.kv.compact(last!)
    const late = new Recording(client, { key: 'a' }, { startRevision: first! })
    await waitFor(() => late.hasEnded)
    const { revision } = (await client.kv.put('a', 'after')).header
    await quiet.watcher.reached(revision)
    expect(quiet.told).toEqual(['created'])
  })

  it('T1.19 a future start takes only what comes from there on', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const { revision } = (await client.kv.put('a', '0')).header
    const recording = new Recording(client, { key: 'a' }, { startRevision: revision + 3 })
    await waitFor(() => recording.told[0] === 'created')
    for (const value of ['1', '2', '3', '4']) await client.kv.put('a', value)
    await waitFor(() => recording.last === revision + 4)
    expect(recording.changes).toEqual(['+a=3', '+a=4'])
  })

  it('T1.22 a transaction of 50 keys is one batch, seen live and from history', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const live = new Recording(client, { prefix: 'k' })
    await waitFor(() => live.told[0] === 'created')
    const names = Array.from({ length: 50 }, (_, index) => `k${String(index).padStart(2, '0')}`)
    for (const round of [1, 2, 3])
      await client.kv
        .txn()
        .then(...names.map((name) => op.put(name, `${round}`)))
        .commit()
    const history = new Recording(client, { prefix: 'k' }, { startRevision: 2 })
    await waitFor(() => live.batches.length === 3 && history.batches.length === 3)
    for (const { batches } of [live, history]) {
      for (const [index, { events }] of batches.entries()) {
        expect(events.map(({ key }) => key)).toEqual(names)
        expect(new Set(events.map(({ text }) => text))).toEqual(new Set([`${index + 1}`]))
      }
    }
  })

  it('I.43 the keys of a lease go in one batch when it is revoked', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const lease = BigInt(
      (await server.etcdctl(['lease', 'grant', '600'])).match(/lease (\w+)/)![1]!.replace(/^/, '0x'),
    )
    for (const name of ['a', 'b', 'c']) await client.kv.put(name, '1', { lease })
    const recording = new Recording(client, { prefix: '' })
    await waitFor(() => recording.told[0] === 'created')
    await server.etcdctl(['lease', 'revoke', lease.toString(16)])
    await waitFor(() => recording.batches.length === 1)
    expect(recording.changes[0]?.split(' ').sort()).toEqual(['-a', '-b', '-c'])
  })

  it('T1.11 T1.12 history of large values comes in fragments and is whole', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const value = Buffer.alloc(900_000, 'x')
    const revisions = await putMany(client, 'big', 8, value)
    const recording = new Recording(client, { key: 'big' }, { startRevision: 2 })
    await waitFor(() => recording.last === revisions.at(-1))
    recording.expectExactly(revisions)
    for (const { events } of recording.batches) expect(events[0]?.kv.value.equals(value)).toBe(true)
  })

  it('T1.22 a revision that the server cuts into fragments is not torn', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const names = Array.from({ length: 50 }, (_, index) => `k${String(index).padStart(2, '0')}`)
    // 1.4 MB in one transaction; with the previous values 2.8 MB in one revision, which is over the server's limit.
    const values = [1, 2, 3].map((round) => Buffer.alloc(28_000, `${round}`))
    for (const value of values)
      await client.kv
        .txn()
        .then(...names.map((name) => op.put(name, value)))
        .commit()
    const recording = new Recording(client, { prefix: 'k' }, { startRevision: 2, prevKv: true })
    await waitFor(() => recording.batches.length >= 3)
    recording.expectExactly([2, 3, 4])
    for (const [index, { events }] of recording.batches.entries()) {
      expect(events.map(({ key }) => key)).toEqual(names)
      expect(events.every(({ kv }) => kv.value.equals(values[index]!))).toBe(true)
      expect(
        events.every(({ prevKv }) => (index === 0 ? !prevKv : prevKv?.value.equals(values[index - 1]!))),
      ).toBe(true)
    }
  })

  it('T1.13 reads answers that arrive byte by byte', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    const revisions = await putMany(direct, 'a', 40, 'x'.repeat(50))
    proxy.rechunk(1, 'toClient')
    const recording = new Recording(connect(proxy.endpoint), { prefix: '' }, { startRevision: 2 })
    await waitFor(() => recording.last === revisions.at(-1), { timeoutMs: 30_000 })
    recording.expectExactly(revisions)
  })

  it('T1.25 many watches need one stream on a server that allows three', async () => {
    const server = await etcd.start({ args: ['--max-concurrent-streams=3'] })
    const client = connect(server.endpoint)
    const recordings = Array.from(
      { length: 300 },
      (_, index) => new Recording(client, { prefix: `p${index % 10}` }),
    )
    await waitFor(() => recordings.every(({ told }) => told[0] === 'created'), { timeoutMs: 30_000 })
    await client.kv.put('p7', '1')
    await waitFor(() => recordings.filter(({ batches }) => batches.length === 1).length === 30)
    expect(await metric(server, 'etcd_debugging_mvcc_watch_stream_total')).toBe(1)
  })

  it('T1.17 positions follow the store on an idle watch, asked for by the client', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const recording = new Recording(client, { prefix: 'idle' })
    await waitFor(() => recording.told[0] === 'created')
    const revisions = await putMany(client, 'busy', 50)
    const last = revisions.at(-1)!
    await recording.watcher.reached(last)
    expect(recording.progress.at(-1)?.revision).toBeGreaterThanOrEqual(last)
    if (etcd.kind === '3.4') {
      // 3.4.23 answers without looking at its watches: passed on after it settled, never as a position.
      expect(recording.progress.every(({ isExact }) => !isExact)).toBe(true)
      expect(recording.watcher.position).toBeLessThan(last)
    } else {
      expect(recording.progress.every(({ isExact }) => isExact)).toBe(true)
      expect(recording.watcher.position).toBeGreaterThan(last)
    }
  })

  it('T1.17 progress comes right after a list, while nothing is written anywhere', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const { header } = await client.kv.getRange({ prefix: 'idle' })
    const recording = new Recording(client, { prefix: 'idle' }, { afterRevision: header.revision })
    // One that waits for the future must not keep the others from their progress (etcd 3.5.22 and later).
    const future = new Recording(client, { prefix: 'later' }, { startRevision: header.revision + 3 })
    await waitFor(() => recording.progress.length > 2)
    expect(recording.progress.every(({ revision }) => revision === header.revision)).toBe(true)
    expect(recording.told).toEqual(['created'])
    for (const value of ['1', '2', '3', '4']) await client.kv.put('later', value)
    await waitFor(() => future.batches.length === 2)
    expect(future.changes).toEqual(['+later=3', '+later=4'])
  })

  it('T1.17 the server reports progress of its own accord, in order on every version', async () => {
    const server = await etcd.start({ args: ['--experimental-watch-progress-notify-interval=100ms'] })
    const client = connect(server.endpoint, { watch: { progressIntervalMs: 60_000 } })
    const recording = new Recording(client, { prefix: 'idle' })
    await waitFor(() => recording.told[0] === 'created')
    const last = (await putMany(client, 'busy', 10)).at(-1)!
    await waitFor(() => recording.watcher.position! > last)
    expect(recording.progress.every(({ isExact }) => isExact)).toBe(true)
  })

  it('T1.18 word of progress that overtakes queued changes is not believed, and loses none', async () => {
    etcd.needs('metrics')
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    const revisions = await putMany(direct, 'a', 6_000, Buffer.alloc(2_000, 'x'))
    const client = connect(proxy.endpoint, { watch: { progressIntervalMs: 20, progressGraceMs: 30_000 } })
    const recording = new Recording(client, { prefix: 'a' }, { startRevision: 2 })
    // The server may send 4 MB; the other answers of the history queue up in it, and progress requests arrive.
    recording.onTold = (word) => {
      if (word === 'created') proxy.stall('toClient')
    }
    await waitFor(() => recording.told[0] === 'created')
    const sent = proxy.carriedBytes.toServer
    await waitFor(async () => (await metric(server, 'etcd_debugging_mvcc_slow_watcher_total')) === 0)
    await waitFor(() => proxy.carriedBytes.toServer > sent)
    proxy.flow()
    await waitFor(() => recording.last === revisions.at(-1), { timeoutMs: 30_000 })
    await recording.watcher.reached(revisions.at(-1)!)
    await waitFor(() => recording.progress.length > 0)
    recording.expectExactly(revisions)
  })

  describe('for await', () => {
    it('reads batches, and leaving the loop ends the watch', async () => {
      const server = await etcd.start()
      const client = connect(server.endpoint)
      const revisions = await putMany(client, 'a', 20)
      const seen: number[] = []
      for await (const batch of client.watch.watch({ prefix: 'a' }, { startRevision: 2 })) {
        seen.push(batch.revision)
        if (seen.length === 20) break
      }
      expect(seen).toEqual(revisions)
      expect(client.watch.size).toBe(0)
      await waitFor(async () => (await metric(server, 'etcd_debugging_mvcc_watch_stream_total')) === 0)
    })

    it('T1.51 T1.54 a slow reader catches up through the history and misses nothing', async () => {
      const server = await etcd.start()
      const client = connect(server.endpoint)
      const reader = client.watch.watch({ prefix: 'a' }, { maxQueuedEvents: 100, maxQueuedBytes: 1_000_000 })
      await waitFor(() => reader.watcher.state === 'live')
      const revisions = await putMany(client, 'a', 1_200)
      await waitFor(() => reader.watcher.state === 'paused')
      const seen: number[] = []
      let pauses = 0
      for await (const { revision } of reader) {
        if (reader.watcher.state === 'paused') pauses += 1
        seen.push(revision)
        if (seen.length === revisions.length) break
      }
      expect(seen).toEqual(revisions)
      expect(pauses).toBeGreaterThan(5)
    })

    it('T1.54 a slow reader is told when the history is gone', async () => {
      const server = await etcd.start()
      const client = connect(server.endpoint)
      const reader = client.watch.watch({ prefix: 'a' }, { maxQueuedEvents: 10 })
      await waitFor(() => reader.watcher.state === 'live')
      const revisions = await putMany(client, 'a', 500)
      await waitFor(() => reader.watcher.state === 'paused')
      const { position } = reader.watcher
      await client.kv.compact(revisions.at(-1)!)
      const seen: number[] = []
      const reading = (async () => {
        for await (const { revision } of reader) seen.push(revision)
      })()
      await expect(reading).rejects.toMatchObject({ code: 'compacted', compactRevision: revisions.at(-1) })
      expect(seen).toEqual(revisions.filter((revision) => revision < position!))
      expect(await reader.next()).toEqual({ done: true, value: undefined })
    })

    it('T1.12 T1.51 large history and a reader that never reads: memory stays bounded', async () => {
      const server = await etcd.start({ args: ['--quota-backend-bytes=2147483648'] })
      const client = connect(server.endpoint)
      const value = Buffer.alloc(1_000_000, 'x')
      const revisions = await putMany(client, 'a', 60, value)
      const reader = client.watch.watch({ key: 'a' }, { startRevision: 2, maxQueuedBytes: 4_000_000 })
      await waitFor(() => reader.watcher.state === 'paused')
      expect(reader.watcher.position).toBeLessThan(revisions[8]!)
      const seen: number[] = []
      for await (const { revision } of reader) {
        seen.push(revision)
        if (seen.length === 60) break
      }
      expect(seen).toEqual(revisions)
    })
  })

  it('T1.52 T1.7 ten thousand watches begun and cancelled leave nothing behind', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const keeper = new Recording(client, { key: 'keeper' })
    const { signal } = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1
      addEventListener.apply(signal, args)
    }
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1
      removeEventListener.apply(signal, args)
    }
    for (let round = 0; round < 100; round += 1) {
      const recordings = Array.from(
        { length: 100 },
        (_, index) => new Recording(client, { key: `k${index}` }, { signal }),
      )
      // A third is cancelled before the server has answered.
      for (const [index, { watcher }] of recordings.entries()) if (index % 3 === 0) watcher.cancel()
      await waitFor(() => recordings.every(({ told }) => told.length > 0))
      for (const { watcher } of recordings) watcher.cancel()
    }
    expect(listeners).toBe(0)
    expect(client.watch.size).toBe(1)
    await waitFor(async () => (await metric(server, 'etcd_debugging_mvcc_watcher_total')) === 1)
    await client.kv.put('keeper', '1')
    await waitFor(() => keeper.batches.length === 1)
    expect(keeper.told).toEqual(['created'])
  })
})
