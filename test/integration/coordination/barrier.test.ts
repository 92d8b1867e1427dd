import { createBarrier, createMutex } from '@livetree/coordination'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, isPending, keysOf, open, proxyTo } from './kit.ts'

withoutOpenHandles()

oneEtcd('a barrier', (etcd) => {
  it('B1 lets those who wait pass once it is down, and not for a neighbour of its name', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const barrier = createBarrier(client, 'barriers/a')
    await barrier.wait()
    await barrier.release()
    await barrier.hold()
    await barrier.hold()
    const waiting = [barrier.wait(), createBarrier(connect(server.endpoint), 'barriers/a').wait()]
    await waitFor(() => client.watch.size === 1)
    await createBarrier(client, 'barriers/ab').hold()
    await createBarrier(client, 'barriers/ab').release()
    await client.kv.put('barriers/a', 'written again')
    expect(await codeOf(barrier.wait({ timeoutMs: 100 }))).toBe('deadline_exceeded')
    expect(await codeOf(barrier.wait({ signal: AbortSignal.abort() }))).toBe('cancelled')
    expect(await isPending(waiting[0] ?? Promise.resolve())).toBe(true)
    await barrier.release()
    await Promise.all(waiting)
    expect([client.watch.size, await keysOf(client, '')]).toEqual([0, []])
  })

  it('B1 sees a fall that is compacted, and one that was raised again meanwhile', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const client = connect(proxy.endpoint)
    const barrier = createBarrier(direct, 'barriers/a')
    await barrier.hold()
    const waiting = createBarrier(client, 'barriers/a').wait()
    await waitFor(() => client.watch.size === 1)
    await waitFor(() => proxy.connections > 0)
    await proxy.refuse()
    proxy.cutAll()
    await barrier.release()
    await barrier.hold()
    const { revision } = (await direct.kv.put('other', '')).header
    await direct.kv.compact(revision)
    await proxy.accept()
    await waiting
  })

  it('B1 sees that the store of the barrier is gone', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const client = connect(proxy.endpoint)
    const barrier = createBarrier(client, 'barriers/a')
    await barrier.hold()
    const waiting = barrier.wait()
    await waitFor(() => client.watch.size === 1)
    // The watch reads what its range holds before this is answered for the last time.
    for (let round = 0; round < 3; round += 1) await client.kv.get('barriers/a')
    await proxy.refuse()
    proxy.cutAll()
    await server.restart({ emptyData: true, keepIdentity: true })
    const other = connect(server.endpoint)
    for (let round = 0; round < 9; round += 1) await other.kv.put('other', String(round))
    await proxy.accept()
    await waiting
  })

  it('falls with its session, and a release that was not answered is repeated but takes down no later one', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const session = await open(direct)
    const barrier = createBarrier(direct, 'barriers/a')
    await barrier.hold({ session })
    const waiting = barrier.wait()
    await session.close()
    await waiting
    expect(await codeOf(barrier.hold({ session }))).toBe('closed')
    await barrier.hold()
    const far = createBarrier(connect(proxy.endpoint), 'barriers/a')
    await far.hold()
    proxy.dropReplies()
    // The read of the release has to be answered, so only the answer to its write is lost.
    proxy.heal()
    proxy.delay(200, 'toClient')
    const releasing = far.release()
    await waitFor(async () => (await keysOf(direct, 'barriers/')).length === 0)
    await barrier.hold()
    proxy.cutAll()
    proxy.heal()
    await releasing
    expect(await keysOf(direct, 'barriers/')).toEqual(['barriers/a'])
    await expect(barrier.hold({ session: {} as never })).rejects.toThrow(/session of hold is an object/)
  })

  it('refuses a session of another cluster, which lives on', async () => {
    const [here, there] = [await etcd.start(), await etcd.start()]
    const session = await open(connect(there.endpoint))
    const lock = await createMutex(session, 'locks/a').acquire()
    const client = connect(here.endpoint)
    await client.kv.get('warm')
    await expect(createBarrier(client, 'barriers/a').hold({ session })).rejects.toThrow(
      /^\[invalid_argument\] the session of holding barriers\/a/,
    )
    await lock.verify()
    expect([session.isLost, await keysOf(client, '')]).toEqual([false, []])
    // Another client of the same cluster is no reason.
    const near = createBarrier(connect(there.endpoint), 'barriers/a')
    await near.hold({ session })
    // The loss of its key would end the session while the barrier is held, whose fate is not known then.
    await lock.release()
    await connect(there.endpoint).lease.revoke(session.lease)
    await near.wait()
    expect(await codeOf(near.hold({ session }))).toBe('session_lost')
  })
})
