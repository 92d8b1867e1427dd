import { joinGroup, openGroup } from '@livetree/coordination'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, keysOf, loseNextTxn, open, proxyTo } from './kit.ts'

withoutOpenHandles()

oneEtcd('a group', (etcd) => {
  it('has the members that joined, until they leave, die or are removed by hand', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const [first, second] = [await open(client), await open(client)]
    await using group = await openGroup(client, 'groups/a')
    expect([group.members, group.isStale]).toEqual([[], false])
    const a = await joinGroup(first, 'groups/a', { id: 'host-a', value: '1' })
    const b = await joinGroup(second, 'groups/a', { value: '2' })
    const c = await joinGroup(first, 'groups/a', { id: 'host-c' })
    expect([a.key, b.key, b.id]).toEqual(['groups/a/host-a', `groups/a/${b.id}`, second.lease.toString(16)])
    await client.kv.put('groups/a/deeper/key', 'another name')
    await group.fresh()
    const shown = () => group.members.map(({ id, value }) => `${id} ${value}`)
    expect(shown()).toEqual(['host-a 1', `${b.id} 2`, 'host-c '])
    await a.update('1b')
    await group.fresh()
    expect(shown()[0]).toBe('host-a 1b')
    await c.leave()
    await second.close()
    await group.fresh()
    expect(shown()).toEqual(['host-a 1b'])
    await client.kv.delete(a.key)
    await waitFor(() => a.signal.aborted)
    expect([a.isHeld, await codeOf(a.update('late')), first.isLost]).toEqual([false, 'lock_lost', false])
    expect(await keysOf(client, 'groups/')).toEqual(['groups/a/deeper/key'])
  })

  it('refuses an id that is taken, also by the same session, and leaves that member alone', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const member = await joinGroup(session, 'groups/a', { id: 'host', value: 'first' })
    expect(await codeOf(joinGroup(session, 'groups/a', { id: 'host' }))).toBe('member_exists')
    expect(await codeOf(joinGroup(await open(client), 'groups/a', { id: 'host' }))).toBe('member_exists')
    await member.verify()
    expect((await client.kv.get(member.key))?.text).toBe('first')
    await member.leave()
    const again = await joinGroup(session, 'groups/a', { id: 'host' })
    await again.verify()
    await expect(joinGroup(session, 'groups/a', { id: 'a/b' })).rejects.toThrow(
      /is a text with a slash, not a text without/,
    )
  })

  it('joins once when the answer is lost, and takes nobody else for itself', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const session = await open(connect(proxy.endpoint))
    await (await joinGroup(session, 'groups/a')).leave()
    proxy.dropReplies()
    const joining = joinGroup(session, 'groups/a', { id: 'host' })
    await waitFor(async () => (await keysOf(direct, 'groups/')).length === 1)
    proxy.cutAll()
    proxy.heal()
    const member = await joining
    expect((await direct.kv.get(member.key))?.lease).toBe(session.lease)

    const other = await open(direct)
    await joinGroup(other, 'groups/a', { id: 'taken' })
    proxy.dropReplies()
    const refused = codeOf(joinGroup(session, 'groups/a', { id: 'taken' }))
    await waitFor(() => proxy.droppedBytes > 0)
    proxy.cutAll()
    proxy.heal()
    expect(await refused).toBe('member_exists')
    await session.close()
    expect((await direct.kv.get('groups/a/taken'))?.lease).toBe(other.lease)
  })

  it('keeps the last of several values, in the order of the calls', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const member = await joinGroup(await open(client), 'groups/a', { id: 'host' })
    const bytes = Buffer.from('x')
    const updates = Array.from({ length: 20 }, (_, index) => {
      bytes[0] = 65 + index
      return member.update(bytes)
    })
    bytes[0] = 0
    await Promise.all(updates)
    expect((await client.kv.get(member.key))?.text).toBe('T')
    const lost = loseNextTxn(client, { arrives: true })
    const two = [member.update('1'), member.update('2')]
    await lost.sent
    lost.report()
    await Promise.all(two)
    expect((await client.kv.get(member.key))?.text).toBe('2')
  })
})
