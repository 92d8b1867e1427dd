import type { EtcdClient, EtcdError } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, putMany, quickWatch, Recording } from './watch-kit.ts'

withoutOpenHandles()

/** Creates keys, many at a time, each of them once: a member that has just lost its leader may lose a write too. */
async function createMany(client: EtcdClient, prefix: string, count: number): Promise<void> {
  const create = (key: string) =>
    waitFor(() => client.kv.create(key, 'v').catch(({ code }: EtcdError) => code === 'key_exists'), {
      timeoutMs: 40_000,
      what: `${key} to be there`,
    })
  await Promise.all(Array.from({ length: count }, (_, index) => create(`${prefix}${index}`)))
}

clientEtcds('watch on a cluster', (etcd) => {
  etcd.needs('cluster')

  it('T1.15 T1.16 the member that serves it frozen, killed and cut off: every revision once', async () => {
    const cluster = await etcd.startCluster()
    const client = connect(cluster.endpoints, { watch: { ...quickWatch, progressGraceMs: 500 } })
    const recordings = Array.from({ length: 6 }, () => new Recording(client, { prefix: 'a' }))
    // The cluster has just been started, and the grace is short.
    await waitFor(() => recordings.every(({ isCreated }) => isCreated), { timeoutMs: 40_000 })
    let revisions: number[] = []
    const write = async (endpoints: readonly string[]) => {
      const writer = connect(endpoints)
      await createMany(writer, `a/${revisions.length}/`, 30)
      const { entries } = await writer.kv.getRange({ prefix: 'a/' })
      revisions = entries.map(({ createRevision }) => createRevision).sort((a, b) => a - b)
      await writer.close()
    }
    const others = (endpoint: string) => cluster.endpoints.filter((each) => each !== endpoint)
    const serving = () => cluster.members.find(({ endpoint }) => endpoint === recordings[0]!.endpoint)!
    const arrive = () =>
      waitFor(() => recordings.every(({ last }) => last === revisions.at(-1)), { timeoutMs: 20_000 })

    const frozen = serving()
    await frozen.pause()
    await waitFor(async () => (await cluster.leader()) !== frozen, { timeoutMs: 20_000 })
    await write(others(frozen.endpoint))
    await arrive()
    frozen.resume()
    await frozen.ready()

    const killed = serving()
    await killed.kill()
    await cluster.leader()
    await write(others(killed.endpoint))
    await arrive()
    await killed.restart()

    const alone = serving()
    cluster.isolate(alone)
    await waitFor(async () => (await cluster.leader()) !== alone, { timeoutMs: 20_000 })
    await write(others(alone.endpoint))
    // The member that is cut off ends its streams when it has been without a leader for three elections.
    await arrive()
    expect(recordings[0]!.endpoint).not.toBe(alone.endpoint)
    cluster.rejoin()
    await alone.ready()
    for (const recording of recordings) recording.expectExactly(revisions)
  }, 120_000)

  it('T1.16 a member without leader does not serve watches; they begin when there is one', async () => {
    const cluster = await etcd.startCluster()
    const [first, second, third] = cluster.members
    await first!.kill()
    await second!.kill()
    const client = connect(third!.endpoint)
    const errors: (EtcdError | undefined)[] = []
    let batches = 0
    await waitFor(async () => {
      try {
        await client.kv.get('a', { timeoutMs: 300 })
      } catch {
        return true
      }
    })
    const watcher = client.watch.subscribe(
      { prefix: 'a' },
      {
        onEvents: () => {
          batches += 1
        },
        onDisconnected: ({ error }) => errors.push(error),
      },
    )
    await waitFor(() => errors.some((error) => error?.code === 'no_leader'), { timeoutMs: 20_000 })
    await first!.restart()
    await cluster.leader()
    await waitFor(() => watcher.state === 'live', { timeoutMs: 20_000 })
    await putMany(client, 'a', 1)
    await waitFor(() => batches === 1)
    await second!.restart()
  })

  // The client goes by revisions, and these are the same on every etcd.
  it.runIf(isLongRun || etcd.kind === 'current')(
    'T1.21 a member that lags is waited for, and taken for the same store',
    async () => {
      const cluster = await etcd.startCluster()
      const [lagging, ...rest] = cluster.members
      const leader = await cluster.leader()
      if (leader === lagging) await cluster.moveLeader(rest[0]!)
      const direct = connect(rest.map(({ endpoint }) => endpoint))
      await putMany(direct, 'a', 5)
      await using proxy = await startProxy({ target: rest[0]!.endpoint })
      const recording = new Recording(connect(proxy.endpoint), { prefix: 'a' })
      await waitFor(() => recording.isCreated)
      await lagging!.pause()
      const revisions = await putMany(direct, 'a', 20)
      await waitFor(() => recording.last === revisions.at(-1))
      // The next member is behind by all of that, and catches up a little later.
      proxy.retarget(lagging!.endpoint)
      proxy.cutAll()
      lagging!.resume()
      await waitFor(() => recording.watcher.state === 'live', { timeoutMs: 20_000 })
      revisions.push(...(await putMany(direct, 'a', 20)))
      await waitFor(() => recording.last === revisions.at(-1), { timeoutMs: 20_000 })
      recording.expectExactly(revisions)
      expect(recording.told.filter((word) => /cluster changed|end/.test(word))).toEqual([])
    },
  )
})
