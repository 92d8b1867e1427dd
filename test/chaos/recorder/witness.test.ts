import { createEtcdClient } from '@livetree/etcd'
import { expect, it, onTestFinished } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import { startWitness, type WitnessOptions } from './witness.ts'

const watched = async (options: WitnessOptions) => {
  const witness = await startWitness(options)
  onTestFinished(() => witness.close())
  return witness
}

const writing = (endpoints: readonly string[], auth?: { username: string; password: string }) => {
  const client = createEtcdClient({ endpoints, ...(auth === undefined ? {} : { auth }) })
  onTestFinished(() => client.close())
  return client
}

eachEtcd('witness', (etcd) => {
  it('records what was there before it and all that came after, in the order of the store', async () => {
    const { endpoint } = await etcd.start()
    const { kv } = writing([endpoint])
    await kv.put('/a', '1')
    const witness = await watched({ endpoints: [endpoint], prefix: '/' })
    await kv.put('other', 'not recorded')
    await kv.put('/b', Buffer.of(0xff, 0x00))
    await kv.delete('/a')
    await witness.settled()
    const final = await witness.finalTree()
    const [store, ...others] = witness.store()
    expect(others).toEqual([])
    expect([store!.baseRevision, store!.base]).toEqual([1, []])
    const seen = store!.revisions.map(({ events }) => events)
    expect(seen).toMatchObject([
      [{ type: 'put', key: '/a', value: '1', createRevision: 2, modRevision: 2, version: 1 }],
      [{ type: 'put', key: '/b', value: 'base64:/wA=', createRevision: 4, modRevision: 4, version: 1 }],
      [{ type: 'delete', key: '/a', modRevision: 5 }],
    ])
    expect(witness.position).toBe(6)
    expect(final).toMatchObject({ revision: 5, entries: [{ key: '/b' }] })
  })

  it('goes on where it was after its member was away, and compacts no further than it has seen', async () => {
    const server = await etcd.start()
    const { kv } = writing([server.endpoint])
    const witness = await watched({ endpoints: [server.endpoint] })
    await kv.put('/a', '1')
    await witness.settled()
    await server.restart()
    await kv.put('/a', '2')
    await witness.settled()
    expect(await witness.compact(1_000)).toBe(3)
    await expect(kv.get('/a', { revision: 2 })).rejects.toMatchObject({ code: 'compacted' })
    await kv.put('/a', '3')
    await witness.settled()
    expect(witness.epochCount).toBe(1)
    expect(witness.store()[0]!.revisions.map(({ revision }) => revision)).toEqual([2, 3, 4])
    expect(witness.store()[0]!.compactions).toEqual([3])
  })

  it('begins a new epoch with another store, at the beginning of its history', async () => {
    const server = await etcd.start()
    const { kv } = writing([server.endpoint])
    await kv.put('/a', 'old')
    const witness = await watched({ endpoints: [server.endpoint] })
    await server.restart({ emptyData: true })
    const renewed = writing([server.endpoint])
    await renewed.kv.put('/a', 'new')
    await renewed.kv.put('/b', 'new')
    await renewed.kv.compact(2)
    await waitFor(() => witness.epochCount === 2, { timeoutMs: 60_000, what: 'another epoch' })
    await witness.settled()
    const [before, after] = witness.store()
    expect(before!.revisions).toMatchObject([{ events: [{ value: 'old' }] }])
    expect(after!.clusterId).not.toBe(before!.clusterId)
    expect([...after!.base, ...after!.revisions.flatMap(({ events }) => events)]).toMatchObject([
      { key: '/a', value: 'new' },
      { key: '/b', value: 'new' },
    ])
  })

  it('logs in once auth is switched on', async () => {
    const server = await etcd.start()
    const witness = await watched({ endpoints: [server.endpoint] })
    witness.authenticate({ name: 'root', password: 'pw' })
    await witness.settled()
    await server.etcdctl(['user', 'add', 'root:pw'])
    await server.etcdctl(['user', 'grant-role', 'root', 'root'])
    await server.etcdctl(['auth', 'enable'])
    await writing([server.endpoint], { username: 'root', password: 'pw' }).kv.put('/a', '1')
    await witness.settled()
    expect(witness.store()[0]!.revisions).toMatchObject([{ events: [{ key: '/a' }] }])
  })
})
