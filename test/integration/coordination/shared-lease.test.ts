import { createMutex, createSemaphore, joinGroup } from '@livetree/coordination'
import { compare, op } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, keysOf, open } from './kit.ts'

withoutOpenHandles()

oneEtcd('sessions that share one lease', (etcd) => {
  it('are contenders of their own, also beside one of another language', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const owner = await open(client)
    const [one, other] = [
      await open(client, { lease: owner.lease }),
      await open(client, { lease: owner.lease }),
    ]
    const hexadecimal = owner.lease.toString(16)

    const held = await createMutex(owner, 'locks/a').acquire()
    expect(await createMutex(one, 'locks/a').tryAcquire()).toBeUndefined()
    expect(await codeOf(createMutex(other, 'locks/a').acquire({ timeoutMs: 200 }))).toBe('deadline_exceeded')
    await held.release()
    const next = await createMutex(one, 'locks/a').acquire()
    expect(next.key).toMatch(new RegExp(`^locks/a/${hexadecimal}\\.\\d+$`))
    expect(await createMutex(owner, 'locks/a').tryAcquire()).toBeUndefined()
    await next.release()

    // As Go's concurrency package does with a lease that was handed to it.
    const foreign = `locks/a/${hexadecimal}`
    await client.kv.put(foreign, '', { lease: owner.lease })
    expect(await codeOf(createMutex(owner, 'locks/a').acquire({ timeoutMs: 200 }))).toBe('deadline_exceeded')
    await client.kv.delete(foreign)
    const waiting = createMutex(owner, 'locks/a').acquire()
    await (await waiting).release()
    expect(await keysOf(client, 'locks/a/')).toEqual([])
  })

  it('do not share a permit, nor the place of a member', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const owner = await open(client)
    const other = await open(client, { lease: owner.lease })
    const permit = await createSemaphore(owner, 'permits', { limit: 1 }).acquire()
    expect(await createSemaphore(other, 'permits').tryAcquire()).toBeUndefined()
    await permit.release()
    const member = await joinGroup(owner, 'group', { id: 'host' })
    expect(await codeOf(joinGroup(other, 'group', { id: 'host' }))).toBe('member_exists')
    await member.leave()
    await joinGroup(other, 'group', { id: 'host' })
  })

  it('tokens of successive holders rise, and a late write is refused', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const owner = await open(client)
    const mutexes = [owner, await open(client, { lease: owner.lease })].map((session) =>
      createMutex(session, 'locks/a'),
    )
    let last = await mutexes[0]!.acquire()
    for (const mutex of [mutexes[1]!, mutexes[0]!, mutexes[1]!]) {
      await last.release()
      const lock = await mutex.acquire()
      expect(lock.token).toBeGreaterThan(last.token)
      expect(await codeOf(last.commit(op.put('data', 'late')))).toBe('closed')
      last = lock
    }
    expect((await client.kv.txn().if(compare.isAbsent('data')).commit()).succeeded).toBe(true)
  })
})
