import { createSemaphore, type Permit } from '@livetree/coordination'
import type { EtcdClient } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, collecting, countTraffic, isPending, keysOf, open, proxyTo } from './kit.ts'

withoutOpenHandles()

const contending = (client: EtcdClient, count: number) =>
  waitFor(async () => (await keysOf(client, 'limits/a/permits/')).length === count, {
    what: `${count} permits`,
  })

oneEtcd('a semaphore', (etcd) => {
  it('P1 gives no more permits than the limit, in the order of arrival over all processes', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const semaphores = [
      createSemaphore(await open(client), 'limits/a', { limit: 2 }),
      createSemaphore(await open(connect(server.endpoint)), 'limits/a', { limit: 2 }),
    ]
    const order: number[] = []
    let inside = 0
    let most = 0
    const finished: Promise<void>[] = []
    const release = Promise.withResolvers<void>()
    for (let index = 0; index < 10; index += 1) {
      const hold = async () => {
        await using permit = await semaphores[index % 2]!.acquire()
        order.push(index)
        inside += 1
        most = Math.max(most, inside)
        await release.promise
        await permit.verify()
        inside -= 1
      }
      finished.push(hold())
      await contending(client, index + 1)
    }
    await waitFor(() => order.length === 2)
    expect(await semaphores[0]!.tryAcquire()).toBeUndefined()
    await contending(client, 10)
    release.resolve()
    await Promise.all(finished)
    expect([most, order.toSorted((a, b) => a - b)]).toEqual([2, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]])
    // Two at a time: nobody is given a permit before somebody who came three places earlier.
    for (const [place, index] of order.entries()) expect(Math.abs(place - index)).toBeLessThan(2)
    expect(await keysOf(client, 'limits/')).toEqual(['limits/a/limit'])
    await waitFor(() => client.watch.size === 0)
  })

  it('P1 compares the limit with the stored one, and follows a change at once', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const unset = createSemaphore(session, 'limits/a')
    expect(await codeOf(unset.acquire())).toBe('invalid_argument')
    const semaphore = createSemaphore(session, 'limits/a', { limit: 1 })
    const held: Permit[] = [await semaphore.acquire()]
    expect([await unset.limit(), await semaphore.limit()]).toEqual([1, 1])
    const other = createSemaphore(session, 'limits/a', { limit: 2 })
    await expect(other.acquire()).rejects.toThrow(
      /^\[limit_mismatch\] the semaphore limits\/a has the limit 1 in the store, and 2/,
    )
    const waiting = Array.from({ length: 4 }, () => unset.acquire().then((permit) => held.push(permit)))
    await contending(client, 5)
    await semaphore.setLimit(3)
    await waitFor(() => held.length === 3)
    await contending(client, 5)
    // Fewer take back nothing, and nobody enters before the holders are fewer.
    await semaphore.setLimit(1)
    for (const permit of held) await permit.verify()
    await held[1]?.release()
    await held[2]?.release()
    await contending(client, 3)
    const { revision } = (await client.kv.put('other', '')).header
    expect([held.length, revision > 0]).toEqual([3, true])
    await client.kv.put('limits/a/limit', 'nonsense')
    await held[0]?.release()
    await waitFor(() => held.length === 4)
    await held[3]?.release()
    await Promise.all(waiting)
    expect(await codeOf(createSemaphore(session, 'limits/a').acquire())).toBe('limit_mismatch')
    expect(() => createSemaphore(session, 'limits/a', { limit: 0 })).toThrow(/limit of createSemaphore is 0/)
  })

  it('leaves no key when it is cancelled, and does not hang when its key or its connection goes', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const client = connect(server.endpoint)
    const semaphore = createSemaphore(await open(client), 'limits/a', { limit: 1 })
    const first = await semaphore.acquire()
    const far = connect(proxy.endpoint)
    const session = await open(far, { ttlSeconds: 60 })
    const theirs = createSemaphore(session, 'limits/a')
    expect(await codeOf(theirs.acquire({ timeoutMs: 200 }))).toBe('deadline_exceeded')
    await contending(client, 1)
    const deleted = codeOf(theirs.acquire())
    await contending(client, 2)
    const traffic = countTraffic(far)
    const [, key] = await keysOf(client, 'limits/a/permits/')
    await client.kv.delete(key!)
    expect(await deleted).toBe('lock_lost')
    const waiting = theirs.acquire()
    await contending(client, 2)
    await waitFor(() => traffic.calls > 0)
    await proxy.refuse()
    proxy.cutAll()
    await first.release()
    await client.kv.compact((await client.kv.put('other', '')).header.revision)
    expect(await isPending(waiting)).toBe(true)
    await proxy.accept()
    const permit = await waiting
    await permit.verify()
    await session.close()
    expect(permit.isHeld).toBe(false)
    await contending(client, 0)
    expect(far.watch.size).toBe(0)
  })

  it('P1 stores its limit again when that is deleted, and says so when it cannot be read or is not known', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const semaphore = createSemaphore(session, 'limits/a', { limit: 1 })
    const unset = createSemaphore(session, 'limits/a')
    const first = await semaphore.acquire()
    await (await unset.tryAcquire())?.release()
    await client.kv.deleteRange({ prefix: 'limits/' })
    await waitFor(() => first.signal.aborted)
    await expect(unset.acquire({ timeoutMs: 20_000 })).rejects.toThrow(/limits\/a has no limit/)
    const second = await semaphore.acquire({ timeoutMs: 20_000 })
    expect([await semaphore.limit(), await unset.tryAcquire()]).toEqual([1, undefined])
    // Those who wait go on with the limit that they know.
    const waiting = [semaphore.acquire(), unset.acquire()]
    await contending(client, 3)
    await client.kv.delete('limits/a/limit')
    await second.release()
    const third = await Promise.race(waiting)
    await client.kv.put('limits/a/limit', 'nonsense')
    for (const each of [semaphore, unset]) {
      expect(await codeOf(each.acquire({ timeoutMs: 20_000 }))).toBe('limit_mismatch')
      expect(await codeOf(each.tryAcquire())).toBe('limit_mismatch')
    }
    await third.release()
    await Promise.all(waiting)
    // The limit that others have set meanwhile is the right one.
    await client.kv.delete('limits/a/limit')
    await client.kv.put('limits/a/limit', '7')
    expect(await semaphore.tryAcquire()).toBeDefined()
  })

  it('P1 stores the last limit again when that is deleted, not an older one that it remembers', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const older = createSemaphore(await open(client), 'limits/a', { limit: 1 })
    await using held = await older.acquire()
    const newer = createSemaphore(await open(connect(server.endpoint)), 'limits/a')
    await newer.setLimit(5)
    await client.kv.delete('limits/a/limit')
    await newer.setLimit(3)
    await client.kv.delete('limits/a/limit')
    expect(await older.tryAcquire()).toBeDefined()
    expect(await older.limit()).toBe(3)
    // What was set after the deletion stays.
    await client.kv.delete('limits/a/limit')
    await newer.setLimit(4)
    await older.acquire({ timeoutMs: 20_000 })
    expect(await older.limit()).toBe(4)
    // Where the history is gone, what it remembers is the best there is.
    await newer.setLimit(6)
    const { header } = await client.kv.delete('limits/a/limit')
    await client.kv.compact(header.revision)
    await older.acquire({ timeoutMs: 20_000 })
    expect(await older.limit()).toBe(4)
    expect(held.isHeld).toBe(true)
    await waitFor(() => client.watch.size === 4, { what: 'the watches of four held permits alone' })
  })

  it('P1 stores the last limit again when somebody comes who has not used it, while others hold permits', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const holder = createSemaphore(await open(client), 'limits/a', { limit: 1 })
    await using held = await holder.acquire()
    const session = await open(connect(server.endpoint))
    const forget = async () => (await client.kv.delete('limits/a/limit')).header.revision
    const fresh = (limit?: number) =>
      createSemaphore(session, 'limits/a', limit === undefined ? {} : { limit })
    await forget()
    expect(await fresh().tryAcquire()).toBeUndefined()
    await forget()
    expect(await codeOf(fresh(5).tryAcquire())).toBe('limit_mismatch')
    expect(await holder.limit()).toBe(1)
    await holder.setLimit(2)
    await client.kv.compact((await client.kv.put('other', '')).header.revision)
    await forget()
    await using second = (await fresh().tryAcquire()) as Permit
    expect([await holder.limit(), held.isHeld, second.isHeld]).toEqual([2, true, true])
    // Where the history is gone, what is given is the best there is.
    await client.kv.compact(await forget())
    await expect(fresh().tryAcquire()).rejects.toThrow(/limits\/a has no limit/)
    await using third = (await fresh(3).tryAcquire()) as Permit
    expect([await holder.limit(), third.isHeld]).toEqual([3, true])
  })

  it('warns once when its limit is gone while somebody waits, and never without that', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const warnings: string[] = []
    const session = await open(client, { logger: collecting(warnings) })
    const semaphore = createSemaphore(session, 'limits/a', { limit: 1 })
    const held = await semaphore.acquire()
    const waiting = semaphore.acquire()
    await contending(client, 2)
    await client.kv.put('limits/a/limit', '1')
    await client.kv.put('limits/a/permits/x/y', 'deeper')
    expect([warnings, await isPending(waiting)]).toEqual([[], true])
    await client.kv.put('limits/a/limit', 'nonsense')
    await client.kv.put('limits/a/limit', 'more of it')
    await waitFor(() => warnings.length > 0)
    await held.release()
    await (await waiting).release()
    expect(warnings).toEqual(['A semaphore has no valid limit'])
  })
})
