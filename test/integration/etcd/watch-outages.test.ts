import type { SyncBatch } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, putMany, quickWatch, Recording } from './watch-kit.ts'

withoutOpenHandles()

clientEtcds('watch during outages', (etcd) => {
  /** What a proxy swallows, no etcd hears of. */
  const itOfClient = it.runIf(isLongRun || etcd.kind === 'embedded')

  itOfClient('T1.15 a blackhole is noticed, and the watch goes on through the other endpoint', async () => {
    const server = await etcd.start()
    await using dark = await startProxy({ target: server.endpoint })
    await using light = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    const client = connect([dark.endpoint, light.endpoint], {
      watch: { ...quickWatch, progressGraceMs: 500 },
    })
    const recording = new Recording(client, { prefix: 'a' })
    await waitFor(() => recording.isCreated)
    const [first, other] = dark.connections > 0 ? [dark, light] : [light, dark]
    first.stall()
    const revisions = await putMany(direct, 'a', 20)
    await waitFor(() => recording.last === revisions.at(-1))
    recording.expectExactly(revisions)
    expect(other.connections).toBeGreaterThan(0)
    first.heal()
  })

  itOfClient('T1.15 answers that stop coming while requests still arrive are noticed', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    const client = connect(proxy.endpoint, {
      watch: { ...quickWatch, progressGraceMs: 500, openTimeoutMs: 500 },
    })
    const recording = new Recording(client, { prefix: 'a' })
    await waitFor(() => recording.isCreated)
    const early = recording.disconnections
    proxy.stall('toClient')
    const revisions = await putMany(direct, 'a', 20)
    await waitFor(() => recording.disconnections > early + 1)
    proxy.cutAll()
    proxy.heal()
    await waitFor(() => recording.last === revisions.at(-1), { timeoutMs: 20_000 })
    recording.expectExactly(revisions)
  })

  it('T1.15 a server that is frozen for a while: nothing is lost', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint, {
      watch: { ...quickWatch, progressGraceMs: 300, openTimeoutMs: 300 },
    })
    const direct = connect(server.endpoint)
    const recording = new Recording(client, { prefix: 'a' })
    await waitFor(() => recording.isCreated)
    const before = await putMany(direct, 'a', 10)
    const early = recording.disconnections
    await server.pause()
    await waitFor(() => recording.disconnections > early + 1)
    server.resume()
    const after = await putMany(direct, 'a', 10)
    await waitFor(() => recording.last === after.at(-1), { timeoutMs: 20_000 })
    recording.expectExactly([...before, ...after])
  })

  it.each(['SIGKILL', 'SIGTERM'] as const)('T1.27 T1.50 %s and restart: nothing is lost', async (signal) => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const direct = connect(server.endpoint)
    const live = new Recording(client, { prefix: 'a' })
    const history = new Recording(client, { prefix: '' }, { startRevision: 2 })
    await waitFor(() => live.isCreated)
    const revisions: number[] = []
    // Asked to stop, etcd 3.5 waits 7 s for its streams.
    for (let round = 0; round < (signal === 'SIGTERM' || !isLongRun ? 1 : 3); round += 1) {
      revisions.push(...(await putMany(direct, 'a', 50)))
      await server.stop(signal)
      await server.restart()
    }
    revisions.push(...(await putMany(direct, 'a', 50)))
    await waitFor(() => live.last === revisions.at(-1) && history.last === revisions.at(-1))
    live.expectExactly(revisions)
    history.expectExactly(revisions)
  })

  it('T1.21 an empty store behind the same address ends the watch, a sync starts a new epoch', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    await putMany(client, 'a/x', 20)
    const recording = new Recording(client, { prefix: 'a' }, { startRevision: 2 })
    const batches: SyncBatch[] = []
    let isListed = false
    const onSnapshot = () => {
      isListed = true
    }
    client.watch.sync({ prefix: 'a' }, { onSnapshot, onEvents: (batch) => batches.push(batch) })
    await waitFor(() => recording.batches.length === 20 && isListed)
    await server.restart({ emptyData: true })
    await putMany(connect(server.endpoint), 'a/y', 1)
    const isHeardOf = () => batches.some(({ events }) => events.some(({ key }) => key === 'a/y'))
    await waitFor(() => recording.hasEnded && isHeardOf())
    expect(batches.every(({ epoch }) => epoch === 1)).toBe(true)
    expect(recording.told.slice(-2)).toEqual([
      expect.stringMatching(/^cluster changed/),
      'end cluster_changed',
    ])
    expect(recording.batches.length).toBe(20)
    expect(batches.flatMap(({ events }) => events.map(({ type, key }) => `${type} ${key}`))).toEqual([
      'delete a/x',
      'put a/y',
    ])
  })

  it('a watch asked for while the server is down begins when it is up', async () => {
    const server = await etcd.start()
    await server.stop('SIGKILL')
    const client = connect(server.endpoint)
    const recording = new Recording(client, { prefix: 'a' }, { startRevision: 1 })
    await waitFor(() => recording.told.length > 2)
    expect(new Set(recording.told)).toEqual(new Set(['disconnected']))
    await server.restart()
    const revisions = await putMany(connect(server.endpoint), 'a', 3)
    await waitFor(() => recording.last === revisions.at(-1))
    recording.expectExactly(revisions)
  })
})
