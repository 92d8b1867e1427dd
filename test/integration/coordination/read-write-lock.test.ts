import { createReadWriteLock, type Lock } from '@livetree/coordination'
import { type EtcdClient, op } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, countTraffic, isPending, keysOf, open } from './kit.ts'

withoutOpenHandles()

const contending = (client: EtcdClient, count: number) =>
  waitFor(async () => (await keysOf(client, 'locks/a/')).length === count, { what: `${count} keys` })

oneEtcd('a read/write lock', (etcd) => {
  it('R1 readers share, a writer excludes all, and a waiting writer holds back later readers', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const ours = createReadWriteLock(await open(client), 'locks/a')
    const others = createReadWriteLock(await open(client), 'locks/a')
    const readers = [await ours.read.acquire(), await ours.read.acquire(), await others.read.acquire()]
    expect(await ours.write.tryAcquire()).toBeUndefined()
    await contending(client, 3)
    const writing = others.write.acquire()
    await contending(client, 4)
    const late = ours.read.acquire()
    await contending(client, 5)
    const last = ours.write.acquire({ value: 'last' })
    await contending(client, 6)
    expect(await others.read.tryAcquire()).toBeUndefined()
    for (const reader of readers) {
      expect([await isPending(writing), await isPending(late), reader.isHeld]).toEqual([true, true, true])
      await reader.verify()
      await reader.release()
    }
    const writer = await writing
    await writer.commit(op.put('data', '1'))
    expect([await isPending(late), await isPending(last)]).toEqual([true, true])
    expect((await ours.write.contenders()).map(({ isOurs }) => isOurs)).toEqual([false, true])
    await writer.release()
    const reader = await late
    expect(await codeOf(writer.commit(op.put('data', '2')))).toBe('closed')
    expect(await isPending(last)).toBe(true)
    await reader.release()
    await (await last).release()
    await contending(client, 0)
    expect(await ours.read.run((lock) => lock.isHeld)).toBe(true)
  })

  it('R2 wakes a writer at most once for each reader before it, and never for those after it', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const rw = createReadWriteLock(await open(client), 'locks/a')
    const readers: Lock[] = []
    for (let index = 0; index < 6; index += 1) readers.push(await rw.read.acquire())
    const writer = connect(server.endpoint)
    const session = await open(writer, { ttlSeconds: 120 })
    const traffic = countTraffic(writer)
    const writing = createReadWriteLock(session, 'locks/a').write.acquire()
    await contending(client, 7)
    const late = rw.read.acquire()
    await contending(client, 8)
    // Only the newest of them, and whichever is the newest then, is waited for.
    for (const reader of readers.slice(0, 5)) await reader.release()
    await contending(client, 3)
    await readers[5]?.release()
    const lock = await writing
    expect(traffic.calls).toBe(2)
    await lock.release()
    await (await late).release()
  })

  it('R3 has no upgrade: who reads and wants to write waits for the others, in order', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const rw = createReadWriteLock(await open(client), 'locks/a')
    const reader = await rw.read.acquire()
    const upgrade = rw.write.acquire({ timeoutMs: 300 })
    expect(await codeOf(upgrade)).toBe('deadline_exceeded')
    await contending(client, 1)
    await reader.verify()
  })

  it('gives a key up that somebody wrote, because others order by the last write', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const rw = createReadWriteLock(session, 'locks/a')
    const reader = await rw.read.acquire()
    const writing = rw.write.acquire()
    await contending(client, 2)
    await client.kv.put(reader.key, 'by hand')
    const writer = await writing
    expect([reader.isHeld, reader.signal.reason.code, session.isLost]).toEqual([false, 'lock_lost', false])
    await writer.release()
    await contending(client, 0)
  })
})
