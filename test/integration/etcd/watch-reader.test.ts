import { describe, expect, it } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, metric, putMany, Recording } from './watch-kit.ts'

withoutOpenHandles()

clientEtcds('watch read by for await', (etcd) => {
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
      await reader.created
      const revisions = await putMany(connect(server.endpoint), 'a', 1_200)
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
      await reader.created
      const revisions = await putMany(connect(server.endpoint), 'a', 500)
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
      const count = isLongRun ? 60 : 24
      const revisions = await putMany(client, 'a', count, value)
      const reader = client.watch.watch({ key: 'a' }, { startRevision: 2, maxQueuedBytes: 4_000_000 })
      await waitFor(() => reader.watcher.state === 'paused')
      expect(reader.watcher.position).toBeLessThan(revisions[8]!)
      const seen: number[] = []
      for await (const { revision } of reader) {
        seen.push(revision)
        if (seen.length === count) break
      }
      expect(seen).toEqual(revisions)
    })
  })

  const rounds = isLongRun ? 100 : 20
  it(`T1.52 T1.7 ${rounds * 100} watches begun and cancelled leave nothing behind`, async () => {
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
    for (let round = 0; round < rounds; round += 1) {
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
