import {
  createElection,
  createMutex,
  createSemaphore,
  openElectionView,
  openGroup,
} from '@livetree/coordination'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, isPending, keysOf, open } from './kit.ts'

withoutOpenHandles()

oneEtcd('coordination', (etcd) => {
  it('works with the permissions on its keys alone, and says at once which are missing', async () => {
    const server = await etcd.start({ auth: { password: 'rootpw' } })
    const root = connect(server.endpoint, { auth: { username: 'root', password: 'rootpw' } })
    await root.authAdmin.roles.add('locker')
    await root.authAdmin.roles.grant('locker', { range: { prefix: 'locks/' }, access: 'readWrite' })
    await root.authAdmin.users.add('app', { password: 'apppw' })
    await root.authAdmin.users.grantRole('app', 'locker')
    const client = connect(server.endpoint, { auth: { username: 'app', password: 'apppw' } })
    const session = await open(client)
    const mutex = createMutex(session, 'locks/a')
    const lock = await mutex.acquire()
    const waiting = mutex.acquire()
    await waitFor(async () => (await keysOf(root, 'locks/')).length === 2)
    await lock.release()
    await (await waiting).release()
    const refused = [
      createMutex(session, 'other/a').acquire(),
      createMutex(session, 'other/a').tryAcquire(),
      createElection(session, 'other/a').campaign('1'),
      createSemaphore(session, 'other/a', { limit: 1 }).acquire(),
      openElectionView(client, 'other/a'),
      openGroup(client, 'other/a'),
    ].map(codeOf)
    expect(new Set(await Promise.all(refused))).toEqual(new Set(['permission_denied']))
    expect(session.isLost).toBe(false)
    const held = await mutex.acquire()
    await session.close()
    expect([held.isHeld, await keysOf(root, ''), await root.lease.list()]).toEqual([false, [], []])
  })

  it('stays in the namespace of its client, and shares a name with one that has none', async () => {
    const server = await etcd.start()
    const plain = connect(server.endpoint)
    const scoped = connect(server.endpoint, { namespace: 'tenant/' })
    const inside = createMutex(await open(scoped), 'locks/a')
    const outside = createMutex(await open(plain), 'tenant/locks/a')
    const lock = await inside.acquire()
    expect(lock.key).toMatch(/^locks\/a\//)
    const waiting = outside.acquire()
    await waitFor(async () => (await keysOf(plain, 'tenant/locks/a/')).length === 2)
    expect(await isPending(waiting)).toBe(true)
    await lock.verify()
    await lock.release()
    const next = await waiting
    expect(await inside.tryAcquire()).toBeUndefined()
    await next.release()
    expect(await keysOf(plain, '')).toEqual([])
  })

  it('refuses what etcd can never take, at once and without a key', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const mutex = createMutex(await open(client), 'locks/a')
    expect(await codeOf(mutex.acquire({ value: 'x'.repeat(3_000_000) }))).toBe('request_too_large')
    const lock = await mutex.acquire()
    expect(await keysOf(client, 'locks/')).toEqual([lock.key])
    expect(await codeOf(mutex.acquire({ value: '\ud800' }))).toBe('invalid_argument')
    expect(await codeOf(mutex.acquire({ timeoutMs: 0 }))).toBe('invalid_argument')
    expect(await codeOf(mutex.acquire({ timeout: 5 } as never))).toBe('invalid_argument')
    const short = connect(server.endpoint)
    const closed = createMutex(await open(short), 'locks/a')
    const waiting = codeOf(closed.acquire())
    await waitFor(async () => (await keysOf(client, 'locks/')).length === 2)
    await short.close()
    expect([await waiting, await codeOf(closed.acquire())]).toEqual(['closed', 'closed'])
  })
})
