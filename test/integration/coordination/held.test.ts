import { createMutex } from '@livetree/coordination'
import { op } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, open } from './kit.ts'

withoutOpenHandles()

eachEtcd('what is held', (etcd) => {
  it('S3 does not take the lease of another one in the writes of a commit for its own', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const [lock, other] = [
      await createMutex(session, 'locks/a').acquire(),
      await createMutex(session, 'locks/b').acquire(),
    ]
    const writes = [op.put('x', '1'), op.put('y', '1', { lease: 4_711n })] as const
    expect(await codeOf(lock.commit(...writes))).toBe('lease_not_found')
    expect(await codeOf(lock.verify({ clusterId: 4_711n }))).toBe(undefined)
    await other.verify()
    expect([session.isLost, lock.isHeld, await client.kv.get('x')]).toEqual([false, true, undefined])
    await connect(server.endpoint).lease.revoke(session.lease)
    // The lease is its own this time.
    expect(await codeOf(lock.commit(op.put('x', '1', { lease: session.lease })))).toMatch(/_lost$/)
    expect(await client.kv.get('x')).toBeUndefined()
    await waitFor(() => session.isLost)
  })
})
