import { expect, it } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, metric, Recording } from './watch-kit.ts'

withoutOpenHandles()

clientEtcds('lease', (etcd) => {
  it('is granted, listed, told about, and revoked with its keys', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint, { namespace: '/ns/' })
    const lease = await client.lease.grant({ ttlSeconds: 60 })
    await client.kv.put('a', '1', { lease: lease.id })
    await client.kv.put('b', '1', { lease: lease.id })
    expect(await client.lease.list()).toEqual([lease.id])
    const info = await lease.timeToLive({ keys: true })
    expect(info?.keys.map(String).sort()).toEqual(['a', 'b'])
    expect(info?.grantedTtlSeconds).toBe(60)
    expect((await client.kv.get('a'))?.lease).toBe(lease.id)
    await lease.revoke()
    expect(lease.lost.reason).toMatchObject({ code: 'lease_lost' })
    expect(await client.kv.count({ prefix: '' })).toBe(0)
    expect(await lease.timeToLive()).toBeUndefined()
    await lease.revoke()
    expect(await client.lease.list()).toEqual([])
  })

  it('T1.10 ids past 2^53 are exact, and one that is taken is refused', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const id = 7587000000000000001n
    await client.lease.grant({ ttlSeconds: 60, id })
    expect(await server.etcdctl(['lease', 'list'])).toContain(id.toString(16))
    expect(await client.lease.list()).toEqual([id])
    await expect(client.lease.grant({ ttlSeconds: 60, id })).rejects.toMatchObject({ code: 'lease_exists' })
    await expect(client.lease.grant({ ttlSeconds: 9_000_000_001 })).rejects.toMatchObject({
      code: 'invalid_argument',
    })
  })

  it('T1.40 is as long as the server grants it', async () => {
    const server = await etcd.start()
    const lease = await connect(server.endpoint).lease.grant({ ttlSeconds: 1 })
    expect(lease.ttlSeconds).toBe(2)
  })

  it('is kept alive beyond its time, one stream for all, and runs out when it is not', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const leases = await Promise.all(Array.from({ length: 20 }, () => client.lease.grant({ ttlSeconds: 2 })))
    const let_ = await client.lease.grant({ ttlSeconds: 2 })
    for (const [index, lease] of leases.entries()) {
      await client.kv.put(`kept/${index}`, '1', { lease: lease.id })
      lease.keepAlive()
    }
    const { header } = await client.kv.put('let', '1', { lease: let_.id })
    const started = Date.now()
    const gone = new Recording(client, { key: 'let' }, { afterRevision: header.revision })
    await waitFor(() => let_.isLost)
    await waitFor(() => gone.changes[0] === '-let')
    await waitFor(() => Date.now() - started > 4_000)
    expect(leases.every(({ isLost }) => !isLost)).toBe(true)
    expect(await client.kv.count({ prefix: 'kept/' })).toBe(20)
    for (const lease of leases) lease.letExpire()
  })

  it('T1.38 lost is told when someone else revokes it', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const lease = await client.lease.grant({ ttlSeconds: 3 })
    lease.keepAlive()
    await server.etcdctl(['lease', 'revoke', lease.id.toString(16)])
    await waitFor(() => lease.lost.aborted)
    expect(lease.lost.reason.message).toMatch(/does not exist|not renewed/)
    await expect(client.lease.keepAliveOnce(lease.id)).rejects.toMatchObject({ code: 'lease_not_found' })
    await expect(client.lease.adopt(42n)).rejects.toMatchObject({ code: 'lease_not_found' })
  })

  it('closing the client loses every lease to its owner and leaves no stream', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const lease = await client.lease.grant({ ttlSeconds: 60 })
    lease.keepAlive()
    await client.close()
    expect(lease.lost.reason).toMatchObject({ code: 'closed' })
    await expect(client.lease.grant({ ttlSeconds: 5 })).rejects.toMatchObject({ code: 'closed' })
    expect(await metric(server, 'etcd_debugging_mvcc_watch_stream_total')).toBe(0)
  })
})
