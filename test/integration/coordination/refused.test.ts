import { acquireLock, createElection, createMutex } from '@livetree/coordination'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, keysOf, open, proxyTo } from './kit.ts'

withoutOpenHandles()

oneEtcd('what etcd refuses for a time', (etcd) => {
  const GRANT = ['grant-permission', '--prefix=true', 'locker', 'readwrite', 'locks/']
  const REVOKE = ['revoke-permission', '--prefix=true', 'locker', 'locks/']

  /** Auth with a user who may use `locks/` until that is taken away. */
  const startWithUser = async () => {
    const server = await etcd.start({ auth: { password: 'rootpw' } })
    const role = (args: readonly string[]) => server.etcdctl(['role', ...args])
    await role(['add', 'locker'])
    await role(GRANT)
    await server.etcdctl(['user', 'add', 'ann:annpw'])
    await server.etcdctl(['user', 'grant-role', 'ann', 'locker'])
    const root = connect(server.endpoint, { auth: { username: 'root', password: 'rootpw' } })
    const proxy = await proxyTo(server.endpoint)
    const client = connect(proxy.endpoint, { auth: { username: 'ann', password: 'annpw' } })
    return { client, proxy, root, deny: () => role(REVOKE), allow: () => role(GRANT) }
  }

  it('a release that was refused can be repeated, and is repeated by itself', async () => {
    const { client, root, deny, allow } = await startWithUser()
    const session = await open(client)
    const lock = await createMutex(session, 'locks/a').acquire()
    const leader = await createElection(session, 'locks/b').campaign('x')
    const forgotten = await createMutex(session, 'locks/c').acquire()
    await deny()
    expect(await codeOf(lock.release())).toBe('permission_denied')
    expect(await codeOf(leader.resign())).toBe('permission_denied')
    expect(await codeOf(forgotten.release())).toBe('permission_denied')
    expect((await keysOf(root, 'locks/')).length).toBe(3)
    await allow()
    await lock.release()
    await leader.resign()
    expect(await keysOf(root, 'locks/a/')).toEqual([])
    expect(await keysOf(root, 'locks/b/')).toEqual([])
    await waitFor(async () => (await keysOf(root, 'locks/c/')).length === 0, { timeoutMs: 20_000 })
    expect(session.isLost).toBe(false)
  })

  it('a lock with a session of its own ends with that session, however its release fails', async () => {
    const { client, root, deny } = await startWithUser()
    const lock = await acquireLock(client, 'locks/a', { ttlSeconds: 2 })
    await deny()
    expect(await codeOf(lock.release())).toBe('permission_denied')
    await waitFor(async () => (await keysOf(root, 'locks/')).length === 0, { timeoutMs: 20_000 })
  })

  it('a holder learns that its key is gone, also after it could not watch it for a time', async () => {
    const { client, proxy, root, deny, allow } = await startWithUser()
    const warnings: string[] = []
    const logger = { debug() {}, info() {}, error() {}, warn: (message: string) => warnings.push(message) }
    const lock = await createMutex(await open(client, { logger }), 'locks/a').acquire()
    await deny()
    // The permission is looked at when the watch is opened anew.
    proxy.cutAll()
    await waitFor(() => warnings.some((text) => text.includes('cannot be watched')), { timeoutMs: 20_000 })
    expect(lock.isHeld).toBe(true)
    await allow()
    await root.kv.delete(lock.key)
    await waitFor(() => !lock.isHeld, { timeoutMs: 20_000 })
    expect(lock.signal.reason.code).toBe('lock_lost')
  })
})

oneEtcd('a release that nobody answers', (etcd) => {
  it('of a lock with a session of its own is not renewed for ever', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const lock = await acquireLock(connect(proxy.endpoint, { timeouts: { callMs: 500 } }), 'locks/a', {
      ttlSeconds: 2,
    })
    proxy.stall()
    expect(await codeOf(lock.release({ timeoutMs: 200 }))).toBe('deadline_exceeded')
    const other = connect(server.endpoint)
    await waitFor(async () => (await other.lease.list()).length === 0, { timeoutMs: 20_000 })
    proxy.heal()
  })
})
