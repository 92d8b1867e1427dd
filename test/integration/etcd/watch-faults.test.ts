import { op, type SyncBatch, type SyncSnapshot } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, metric, putMany, Recording } from './watch-kit.ts'

withoutOpenHandles()

clientEtcds('watch under faults', (etcd) => {
  it('T1.1 2400 changes, cut after the first batch and again and again: every revision once', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const revisions = await putMany(connect(server.endpoint), 'a', 2_400)
    // In one piece, all of the answer could be at the client before the cut.
    proxy.rechunk(512, 'toClient')
    const recording = new Recording(connect(proxy.endpoint), { prefix: 'a' }, { startRevision: 2 })
    let cuts = 0
    let seenAtCut = 0
    recording.onTold = (word) => {
      // Within the answer, while more of it is on the way.
      if (word !== 'events' || cuts === 8 || recording.batches.length < seenAtCut + 250) return
      cuts += 1
      seenAtCut = recording.batches.length
      proxy.cutAll()
    }
    await waitFor(() => recording.last === revisions.at(-1), { timeoutMs: 30_000 })
    recording.expectExactly(revisions)
    expect(recording.told.filter((word) => word === 'resumed').length).toBeGreaterThan(1)
  })

  it('T1.13 cut at every kind of byte: within headers, frames, messages', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const revisions = await putMany(connect(server.endpoint), 'a', 300, 'x'.repeat(200))
    const client = connect(proxy.endpoint)
    const recording = new Recording(client, { prefix: 'a' }, { startRevision: 2 })
    // Each connection lives for a few bytes longer than the one before.
    for (let bytes = 20; !recording.hasEnded && recording.last !== revisions.at(-1); bytes += 2_997) {
      const isCut = proxy.cutAfter(bytes)
      await Promise.race([isCut, waitFor(() => recording.last === revisions.at(-1), { timeoutMs: 20_000 })])
    }
    proxy.heal()
    await waitFor(() => recording.last === revisions.at(-1))
    recording.expectExactly(revisions)
    expect(proxy.accepted).toBeGreaterThan(3)
  })

  it('T1.2 cut right after `created`: the history still comes', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const revisions = await putMany(connect(server.endpoint), 'a', 30)
    // A server may send the history together with `created`; so they come apart.
    proxy.rechunk(16, 'toClient')
    const recording = new Recording(connect(proxy.endpoint), { prefix: 'a' }, { startRevision: 2 })
    let cuts = 0
    recording.onTold = (word) => {
      if (!['created', 'resumed'].includes(word) || cuts === 3) return
      cuts += 1
      proxy.cutAll()
    }
    await waitFor(() => recording.last === revisions.at(-1))
    recording.expectExactly(revisions)
    expect(recording.told.slice(0, 3)).toEqual(['created', 'disconnected', 'resumed'])
  })

  it('T1.3 a watch from now, cut before its first change, gets exactly what came meanwhile', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    await direct.kv.put('a', 'before')
    const recording = new Recording(connect(proxy.endpoint), { prefix: 'a' })
    await waitFor(() => recording.isCreated)
    await proxy.refuse()
    proxy.cutAll()
    await direct.kv.put('a', 'meanwhile')
    await proxy.accept()
    await waitFor(() => recording.batches.length > 0)
    await direct.kv.put('a', 'after')
    await waitFor(() => recording.batches.length > 1)
    expect(recording.changes).toEqual(['+a=meanwhile', '+a=after'])
  })

  it('T1.5 T1.6 a compaction while away is reported with the position, which it does not move', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    const { revision } = (await direct.kv.put('a', '1')).header
    const recording = new Recording(connect(proxy.endpoint), { prefix: 'a' }, { startRevision: revision })
    await waitFor(() => recording.last === revision)
    await proxy.refuse()
    proxy.cutAll()
    await direct.kv.delete('a')
    const compacted = (await direct.kv.put('ab', '2')).header.revision
    await direct.kv.compact(compacted)
    await proxy.accept()
    await waitFor(() => recording.hasEnded)
    expect(recording.told.slice(-2)).toEqual([
      `compacted ${compacted} at ${recording.watcher.position}`,
      'end compacted',
    ])
    expect(recording.changes).toEqual(['+a=1'])
    await waitFor(async () => (await metric(server, 'etcd_debugging_mvcc_watch_stream_total')) === 0)
  })

  it('a delete compacted away at the very revision the watch needs next is not lost in silence', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    const { revision } = (await direct.kv.put('a', '1')).header
    const after = new Recording(connect(proxy.endpoint), { prefix: 'a' }, { afterRevision: revision })
    const resumed = new Recording(connect(proxy.endpoint), { prefix: 'a' }, { startRevision: revision })
    await waitFor(() => after.isCreated && resumed.last === revision)
    await proxy.refuse()
    proxy.cutAll()
    const deleted = (await direct.kv.delete('a')).header.revision
    await direct.kv.compact(deleted)
    await proxy.accept()
    // Resumed from `deleted` itself, etcd 3.4.23 would say nothing of the delete, now or ever.
    await waitFor(() => after.hasEnded && resumed.hasEnded)
    for (const { told } of [after, resumed]) expect(told.at(-2)).toBe(`compacted ${deleted} at ${deleted}`)
    const late = new Recording(direct, { prefix: 'a' }, { afterRevision: revision })
    await waitFor(() => late.hasEnded)
    expect(late.told).toEqual(['created', `compacted ${deleted} at ${deleted}`, 'end compacted'])
  })

  it('T1.5 sync lists again after a compaction and tells what was missed, in one batch', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    for (const name of ['gone', 'kept', 'changed']) await direct.kv.put(`a/${name}`, '1')
    const client = connect(proxy.endpoint)
    const snapshots: SyncSnapshot[] = []
    const batches: SyncBatch[] = []
    const sync = client.watch.sync(
      { prefix: 'a/' },
      { onSnapshot: (snapshot) => snapshots.push(snapshot), onEvents: (batch) => batches.push(batch) },
    )
    await waitFor(() => snapshots.length === 1)
    expect(snapshots[0]?.kvs.map(({ key }) => String(key))).toEqual(['a/changed', 'a/gone', 'a/kept'])
    await direct.kv.put('a/changed', '2')
    await waitFor(() => batches.length === 1)
    await proxy.refuse()
    proxy.cutAll()
    await direct.kv.txn().then(op.delete('a/gone'), op.put('a/changed', '3'), op.put('a/new', '1')).commit()
    await direct.kv.compact((await direct.kv.put('elsewhere', '1')).header.revision)
    await proxy.accept()
    await waitFor(() => batches.length === 2)
    const { revision } = (await direct.kv.delete('a/new')).header
    await waitFor(() => sync.revision >= revision)
    const tell = ({ events, isResync, epoch }: SyncBatch) => [
      events
        .map(({ type, key, text, prevKv }) => `${type} ${key} ${prevKv?.value ?? 'nothing'} → ${text}`)
        .sort(),
      isResync,
      epoch,
    ]
    expect(batches.map(tell)).toEqual([
      [['put a/changed 1 → 2'], false, 0],
      [['delete a/gone 1 → ', 'put a/changed 2 → 3', 'put a/new nothing → 1'], true, 0],
      [['delete a/new 1 → '], false, 0],
    ])
    sync.cancel()
    expect(client.watch.size).toBe(0)
  })

  it('every fault at random, for a while: every revision once, in order', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    const client = connect(proxy.endpoint, {
      watch: { progressIntervalMs: 50, progressGraceMs: 400, openTimeoutMs: 800 },
    })
    const recordings = Array.from({ length: 5 }, () => new Recording(client, { prefix: 'a' }))
    await waitFor(() => recordings.every(({ isCreated }) => isCreated))
    const revisions: number[] = []
    const resumptions = () => recordings[0]!.told.filter((word) => word === 'resumed').length
    const rounds = isLongRun ? 40 : 20
    for (let round = 0; round < rounds; round += 1) {
      const [kind, before] = [round % 5, resumptions()]
      if (kind === 0) proxy.cutAll()
      if (kind === 1) proxy.rechunk(7, 'toClient')
      if (kind === 2) proxy.delay(20, 'toClient')
      if (kind === 3) void proxy.cutAfter(50 + round * 40)
      revisions.push(...(await putMany(direct, 'a', 25, 'x'.repeat(100))))
      if (kind === 0 || kind === 3) await waitFor(() => resumptions() > before)
      if (kind === 4) proxy.heal()
    }
    proxy.heal()
    await waitFor(() => recordings.every(({ last }) => last === revisions.at(-1)), { timeoutMs: 30_000 })
    for (const recording of recordings) recording.expectExactly(revisions)
    // Of the five kinds, two cut the connection.
    expect(resumptions()).toBeGreaterThanOrEqual((rounds / 5) * 2)
  })
})
