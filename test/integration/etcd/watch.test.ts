import { expect, it } from 'vitest'
import { op } from '@livetree/etcd'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, metric, putMany, Recording } from './watch-kit.ts'

withoutOpenHandles()

clientEtcds('watch', (etcd) => {
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
    await waitFor(() => all.every(({ isCreated }) => isCreated))
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
    await waitFor(() => quiet.isCreated)
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
    await waitFor(() => recording.isCreated)
    for (const value of ['1', '2', '3', '4']) await client.kv.put('a', value)
    await waitFor(() => recording.last === revision + 4)
    expect(recording.changes).toEqual(['+a=3', '+a=4'])
  })

  it('T1.22 a transaction of 50 keys is one batch, seen live and from history', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const live = new Recording(client, { prefix: 'k' })
    await waitFor(() => live.isCreated)
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
    await waitFor(() => recording.isCreated)
    await server.etcdctl(['lease', 'revoke', lease.toString(16)])
    await waitFor(() => recording.batches.length === 1)
    expect(recording.changes[0]?.split(' ').sort()).toEqual(['-a', '-b', '-c'])
  })
})
