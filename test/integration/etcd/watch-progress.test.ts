import { expect, it } from 'vitest'
import { op } from '@livetree/etcd'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, metric, putMany, Recording } from './watch-kit.ts'

withoutOpenHandles()

clientEtcds('progress of a watch', (etcd) => {
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
    await waitFor(() => recordings.every(({ isCreated }) => isCreated), { timeoutMs: 30_000 })
    await client.kv.put('p7', '1')
    await waitFor(() => recordings.filter(({ batches }) => batches.length === 1).length === 30)
    expect(await metric(server, 'etcd_debugging_mvcc_watch_stream_total')).toBe(1)
  })

  it('T1.17 positions follow the store on an idle watch, asked for by the client', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const recording = new Recording(client, { prefix: 'idle' })
    await waitFor(() => recording.isCreated)
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
    await waitFor(() => recording.isCreated)
    const last = (await putMany(client, 'busy', 10)).at(-1)!
    await waitFor(() => recording.watcher.position! > last)
    expect(recording.progress.every(({ isExact }) => isExact)).toBe(true)
  })

  it('T1.18 word of progress that overtakes queued changes is not believed, and loses none', async () => {
    etcd.needs('metrics')
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    // etcd sends a history in answers of up to 1,000 revisions: three of them, each about as large as that window.
    const revisions = await putMany(direct, 'a', 2_500, Buffer.alloc(5_000, 'x'))
    const client = connect(proxy.endpoint, { watch: { progressIntervalMs: 20, progressGraceMs: 30_000 } })
    const recording = new Recording(client, { prefix: 'a' }, { startRevision: 2 })
    // The server may send 4 MB; the other answers of the history queue up in it, and progress requests arrive.
    recording.onTold = (word) => {
      if (word === 'created') proxy.stall('toClient')
    }
    await waitFor(() => recording.isCreated)
    const sent = proxy.carriedBytes.toServer
    await waitFor(async () => (await metric(server, 'etcd_debugging_mvcc_slow_watcher_total')) === 0)
    await waitFor(() => proxy.carriedBytes.toServer > sent)
    proxy.flow()
    await waitFor(() => recording.last === revisions.at(-1), { timeoutMs: 30_000 })
    await recording.watcher.reached(revisions.at(-1)!)
    await waitFor(() => recording.progress.length > 0)
    recording.expectExactly(revisions)
  })
})
