import { expect, it } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, quickWatch, Recording } from './watch-kit.ts'

withoutOpenHandles()

const LIMIT = { timeoutMs: 25_000 }

clientEtcds('connections that lose one direction', (etcd) => {
  it('what the client sends: watch, calls and lease go on, and nothing is lost', {
    timeout: 60_000,
  }, async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const client = connect(proxy.endpoint, {
      watch: { ...quickWatch, progressGraceMs: 1_000 },
      timeouts: { connectMs: 2_000, callMs: 4_000 },
    })
    const direct = connect(server.endpoint)
    const recording = new Recording(client, { prefix: 'a' })
    await waitFor(() => recording.isCreated)
    const lease = await client.lease.grant({ ttlSeconds: 12 })
    lease.keepAlive()
    const revisions: number[] = []
    let isWriting = true
    // The changes that the server sends over the old connection never end.
    const writing = (async () => {
      for (let index = 0; isWriting; index += 1)
        revisions.push((await direct.kv.put(`a/${index % 10}`, String(index))).header.revision)
    })()
    await waitFor(() => recording.batches.length > 3)
    const early = recording.disconnections
    proxy.strand('toServer')
    const before = recording.batches.length
    await waitFor(() => recording.disconnections > early, LIMIT)
    expect(recording.batches.length).toBeGreaterThan(before)
    await waitFor(() => recording.told.at(-1) === 'resumed', LIMIT)
    await waitFor(
      () =>
        client.kv.put('k', 'v').then(
          () => true,
          () => false,
        ),
      LIMIT,
    )
    const { expiresAt } = lease
    await waitFor(() => lease.isLost || lease.expiresAt > Math.max(expiresAt, Date.now() + 6_000), LIMIT)
    expect(lease.isLost).toBe(false)
    isWriting = false
    await writing
    await waitFor(() => recording.last === revisions.at(-1), LIMIT)
    recording.expectExactly(revisions)
  })

  it('a busy watch alone is resumed in time', { timeout: 40_000 }, async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const client = connect(proxy.endpoint, { watch: { ...quickWatch, progressGraceMs: 1_000 } })
    const direct = connect(server.endpoint)
    const recording = new Recording(client, { prefix: 'a' })
    await waitFor(() => recording.isCreated)
    let isWriting = true
    const revisions: number[] = []
    const writing = (async () => {
      while (isWriting) revisions.push((await direct.kv.put('a', 'v')).header.revision)
    })()
    proxy.strand('toServer')
    await waitFor(() => recording.told.at(-1) === 'resumed', LIMIT)
    isWriting = false
    await writing
    await waitFor(() => recording.last === revisions.at(-1), LIMIT)
    recording.expectExactly(revisions)
  })
})
