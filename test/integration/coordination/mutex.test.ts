import { getEventListeners } from 'node:events'
import { acquireLock, createMutex, type Lock } from '@livetree/coordination'
import { type EtcdClient, op } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, countTraffic, isPending, keysOf, open, proxyTo, sendTxnsBy } from './kit.ts'

withoutOpenHandles()

/** Waits until so many contenders have a key. */
const contending = (client: EtcdClient, count: number) =>
  waitFor(async () => (await keysOf(client, 'locks/a/')).length === count, { what: `${count} keys` })

oneEtcd('a mutex', (etcd) => {
  it('S3 refuses the writes of a holder whose key is gone, whatever it believes, and gives rising tokens', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const mutex = createMutex(await open(client), 'locks/a')
    const first = await mutex.acquire()
    expect(await first.commit(op.put('data', '1'), op.get('data'))).toMatchObject([{}, { text: '1' }])
    const { guard } = first
    const txn = first.txn().then(op.put('data', 'late'))
    await first.release()
    const second = await mutex.acquire()
    expect(second.token).toBeGreaterThan(first.token)
    expect(await codeOf(first.commit(op.put('data', 'late')))).toBe('closed')
    expect((await txn.commit()).succeeded).toBe(false)
    expect((await client.kv.txn().if(guard).then(op.put('data', 'late')).commit()).succeeded).toBe(false)
    // Deleted and put again by hand under the same name: another creation.
    await client.kv.txn().then(op.delete(second.key)).commit()
    await client.kv.put(second.key, '')
    expect((await second.txn().then(op.put('data', 'late')).commit()).succeeded).toBe(false)
    expect((await client.kv.get('data'))?.text).toBe('1')
    await client.kv.delete(second.key)
  })

  it('S3 finds out by itself, by a commit and by verify, that the key is gone', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const [byWatch, byCommit, byVerify] = await Promise.all(
      ['locks/a', 'locks/b', 'locks/c'].map((name) => createMutex(session, name).acquire()),
    )
    await byWatch!.verify()
    await client.kv.deleteRange({ prefix: 'locks/' })
    expect(await codeOf(byCommit!.commit(op.put('data', 'late')))).toBe('lock_lost')
    expect(await codeOf(byVerify!.verify())).toBe('lock_lost')
    await waitFor(() => byWatch!.signal.aborted)
    for (const lock of [byWatch!, byCommit!, byVerify!]) {
      expect([lock.isHeld, lock.signal.reason.code]).toEqual([false, 'lock_lost'])
      expect(() => lock.throwIfLost()).toThrow(/deleted by somebody else/)
      await lock.release()
    }
    expect(session.isLost).toBe(false)
    expect(await client.kv.get('data')).toBeUndefined()
    await (await createMutex(session, 'locks/a').acquire()).release()
  })

  it('S4 leaves no key behind when it is cancelled, timed out, or the client is closed', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const mutex = createMutex(await open(client), 'locks/a')
    const holder = await mutex.acquire()
    const { revision } = (await client.kv.getRange({ key: 'x' })).header
    expect(await codeOf(mutex.acquire({ signal: AbortSignal.abort() }))).toBe('cancelled')
    expect((await client.kv.getRange({ key: 'x' })).header.revision).toBe(revision)
    const timedOut = mutex.acquire({ timeoutMs: 100 })
    await expect(timedOut).rejects.toThrow(
      /^\[deadline_exceeded\] acquiring locks\/a did not end within 100 ms/,
    )
    const stop = new AbortController()
    const cancelled = mutex.acquire({ signal: stop.signal }).catch((reason: unknown) => reason)
    await contending(client, 2)
    stop.abort(new Error('enough'))
    expect(await cancelled).toMatchObject({ code: 'cancelled', cause: { message: 'enough' } })
    await contending(client, 1)
    expect(await keysOf(client, 'locks/')).toEqual([holder.key])
    await holder.release()
    const { signal } = new AbortController()
    const next = await mutex.acquire({ signal, timeoutMs: 60_000 })
    expect(getEventListeners(signal, 'abort')).toEqual([])
    await next.release()
    await contending(client, 0)
  })

  it('S4 keeps the lock whose grant was not answered, and has one key', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const session = await open(connect(proxy.endpoint))
    const mutex = createMutex(session, 'locks/a')
    await (await mutex.acquire()).release()
    proxy.dropReplies()
    const acquiring = mutex.acquire()
    await contending(direct, 1)
    const [key] = await keysOf(direct, 'locks/')
    proxy.cutAll()
    proxy.heal()
    const lock = await acquiring
    expect(lock.key).toBe(key)
    expect(await keysOf(direct, 'locks/')).toEqual([key])
    await lock.commit(op.put('data', '1'))
    await lock.release()
    await contending(direct, 0)
  })

  it('S4 removes the key of a lost request, also one that is applied after the lock was released', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const session = await open(connect(proxy.endpoint), { ttlSeconds: 3 })
    const mutex = createMutex(session, 'locks/a')
    await (await mutex.acquire()).release()
    proxy.dropReplies()
    const cancelled = codeOf(mutex.acquire({ timeoutMs: 400 }))
    await contending(direct, 1)
    const [key] = await keysOf(direct, 'locks/a/')
    expect(await cancelled).toBe('deadline_exceeded')
    proxy.cutAll()
    proxy.heal()
    await contending(direct, 0)
    // As if the first request had been stuck on its way until now.
    await direct.kv.put(key!, '', { lease: session.lease })
    await contending(direct, 0)
    expect(session.isLost).toBe(false)
    const next = await mutex.acquire()
    expect(next.key).not.toBe(key)
  })

  it('S5 gives the lock in the order of arrival, over sessions and within one', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const mutexes = [createMutex(await open(client), 'locks/a'), createMutex(await open(client), 'locks/a')]
    const held = await mutexes[0]!.acquire()
    const order: number[] = []
    let inside = 0
    const waiting: Promise<void>[] = []
    for (let index = 0; index < 8; index += 1) {
      const run = async (lock: Lock) => {
        order.push(index)
        inside += 1
        expect([inside, lock.isHeld]).toEqual([1, true])
        await lock.verify()
        inside -= 1
      }
      waiting.push(mutexes[index % 3 === 0 ? 0 : 1]!.runExclusive(run))
      await contending(client, index + 2)
    }
    const contenders = await mutexes[0]!.contenders()
    expect(contenders.map(({ isOurs }) => isOurs)).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
      false,
      true,
      false,
    ])
    expect(contenders[0]).toMatchObject({ key: held.key, token: held.token })
    await held.release()
    await Promise.all(waiting)
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    await contending(client, 0)
  })

  it('S6 is not re-entrant; tryAcquire never queues and never delays those who wait', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const mutex = createMutex(await open(client), 'locks/a')
    const other = createMutex(await open(client), 'locks/a')
    const first = await mutex.tryAcquire({ value: 'me' })
    expect(first?.isHeld).toBe(true)
    expect((await other.contenders())[0]).toMatchObject({ value: Buffer.from('me'), isOurs: false })
    const second = mutex.acquire()
    await contending(client, 2)
    const { revision } = (await client.kv.getRange({ prefix: 'locks/' })).header
    expect(await Promise.all([mutex.tryAcquire(), other.tryAcquire()])).toEqual([undefined, undefined])
    expect((await client.kv.getRange({ prefix: 'locks/' })).header.revision).toBe(revision)
    expect(await isPending(second)).toBe(true)
    await first?.release()
    await (await second).release()
    // A key further down belongs to another name.
    await client.kv.put('locks/a/deeper/key', '')
    const third = await other.tryAcquire()
    expect(third?.isHeld).toBe(true)
    expect(await mutex.tryAcquire()).toBeUndefined()
    await third?.release()
    await (await mutex.acquire()).release()
    expect(await keysOf(client, 'locks/')).toEqual(['locks/a/deeper/key'])
  })

  it('S7 wakes one of many waiters, who makes one request, and nobody when one cancels', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const holder = await createMutex(await open(client), 'locks/a').acquire()
    const waiter = connect(server.endpoint)
    const session = await open(waiter, { ttlSeconds: 120 })
    const traffic = countTraffic(waiter)
    const held: Lock[] = []
    const stop = new AbortController()
    const waiting: Promise<unknown>[] = []
    for (let index = 0; index < 20; index += 1) {
      const signal = index === 10 ? stop.signal : undefined
      const acquiring = createMutex(session, 'locks/a').acquire(signal === undefined ? {} : { signal })
      waiting.push(acquiring.then((lock) => held.push(lock)).catch(() => undefined))
      await contending(client, index + 2)
    }
    // One request for each that enters: it learns its predecessor by the same transaction.
    await waitFor(() => waiter.watch.size === 40)
    expect(traffic).toEqual({ calls: 20, events: 0 })
    await holder.release()
    await waitFor(() => held.length === 1)
    expect(traffic).toEqual({ calls: 21, events: 1 })
    // One that cancels wakes the one behind it, who finds the next predecessor.
    stop.abort()
    await contending(client, 19)
    await waitFor(() => traffic.calls === 23)
    expect([traffic.events, held.length]).toEqual([2, 1])
    await session.close()
    await Promise.all(waiting)
  })

  it.each([0, 60])(
    'S8 notices a release before its watch exists, with %i others in the queue',
    async (others) => {
      const server = await etcd.start()
      const client = connect(server.endpoint)
      const session = await open(client)
      const before = Array.from({ length: others + 1 }, () => createMutex(session, 'locks/a').acquire())
      const ending = Promise.allSettled(before)
      await contending(client, others + 1)
      const waiter = connect(server.endpoint)
      const waiting = await open(waiter)
      let isFirst = true
      sendTxnsBy(waiter, async (_, send) => {
        const answer = await send()
        // Everybody before it goes, while the answer that names the last of them is on its way.
        if (isFirst) await session.close()
        isFirst = false
        return answer
      })
      const lock = await createMutex(waiting, 'locks/a').acquire({ timeoutMs: 30_000 })
      expect(await keysOf(client, 'locks/a/')).toEqual([lock.key])
      await ending
    },
  )

  it('S8 rejects a waiter at once whose key or session goes, and lets the others by', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const holder = await createMutex(await open(client), 'locks/a').acquire()
    const [session, revoked, last] = [await open(client), await open(client), await open(client)]
    const deleted = codeOf(createMutex(session, 'locks/a').acquire())
    await contending(client, 2)
    const lost = codeOf(createMutex(revoked, 'locks/a').acquire())
    await contending(client, 3)
    const waiting = createMutex(last, 'locks/a').acquire()
    await contending(client, 4)
    const [, deletedKey] = await keysOf(client, 'locks/a/')
    await client.kv.delete(deletedKey!)
    expect(await deleted).toBe('lock_lost')
    await connect(server.endpoint).lease.revoke(revoked.lease)
    expect(await lost).toBe('session_lost')
    expect([session.isLost, revoked.isLost, holder.isHeld]).toEqual([false, true, true])
    expect(await isPending(waiting)).toBe(true)
    await holder.release()
    expect((await waiting).isHeld).toBe(true)
  })

  it('S9 waits on through compaction, a lost connection, a restart and a change of the predecessor', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const client = connect(proxy.endpoint)
    // In a long queue the wait begins at a revision of the past, in a short one with a read. What is below another name
    // makes a queue long and is not waited for.
    const fillers = Array.from({ length: 60 }, (_, index) => op.put(`locks/long/other/${index}`, ''))
    await direct.kv
      .txn()
      .then(...fillers)
      .commit()
    const keys = async (name: string) =>
      (await keysOf(direct, `${name}/`)).filter((key) => !key.startsWith('locks/long/other/'))
    const queues = (count: number) =>
      waitFor(async () => (await Promise.all(NAMES.map(keys))).every(({ length }) => length === count), {
        what: `${count} contenders for each lock`,
      })
    const NAMES = ['locks/a', 'locks/long']
    const acquire = async (of: EtcdClient, name: string, options?: { signal: AbortSignal }) =>
      createMutex(await open(of, { ttlSeconds: 60 }), name).acquire(options)
    const holders = await Promise.all(NAMES.map((name) => acquire(direct, name)))
    const between = new AbortController()
    const middle = NAMES.map((name) => codeOf(acquire(direct, name, { signal: between.signal })))
    await queues(2)
    const waiting = NAMES.map((name) => acquire(client, name))
    await queues(3)
    // While they are cut off, their predecessors go and the history that tells it is compacted.
    await proxy.refuse()
    proxy.cutAll()
    between.abort()
    expect(await Promise.all(middle)).toEqual(['cancelled', 'cancelled'])
    await queues(2)
    const { revision } = (await direct.kv.put('other', '1')).header
    await direct.kv.compact(revision)
    await proxy.accept()
    await (await createMutex(await open(client), 'locks/b').acquire()).release()
    await server.stop('SIGKILL')
    await server.restart()
    expect(await Promise.all(waiting.map(isPending))).toEqual([true, true])
    await Promise.all(holders.map((holder) => holder.release()))
    const locks = await Promise.all(waiting)
    await Promise.all(locks.map((lock) => lock.verify()))
    await Promise.all(locks.map((lock) => lock.release()))
    await queues(0)
  })

  it('attaches a key again that a write took off its lease, so that no orphan blocks the others', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const mutex = createMutex(session, 'locks/a')
    const lock = await mutex.acquire()
    await client.kv.put(lock.key, 'by hand')
    await waitFor(async () => (await client.kv.get(lock.key))?.lease === session.lease)
    await lock.verify()
    expect((await mutex.contenders())[0]?.value.toString()).toBe('by hand')
    await client.kv.put('locks/b/orphan', '')
    expect((await createMutex(session, 'locks/b').contenders())[0]).toMatchObject({
      lease: 0n,
      isOurs: false,
    })
    await session.close()
    await contending(client, 0)
  })

  it('releases once, never a later holder, and repeats a release that was not answered', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const mutex = createMutex(await open(connect(proxy.endpoint)), 'locks/a')
    const lock = await mutex.acquire()
    proxy.dropReplies()
    const releasing = lock.release()
    expect([lock.isHeld, lock.signal.reason.code]).toEqual([false, 'closed'])
    await contending(direct, 0)
    const later = await createMutex(await open(direct), 'locks/a').acquire()
    // The name of the first holder is put again by hand: the repeated release must not touch it.
    await direct.kv.put(lock.key, 'later')
    expect(await codeOf(lock.release({ timeoutMs: 50 }))).toBe('deadline_exceeded')
    proxy.cutAll()
    proxy.heal()
    await releasing
    await lock.release()
    expect((await direct.kv.get(lock.key))?.text).toBe('later')
    await later.verify()
    await direct.kv.delete(lock.key)
  })

  it('acquireLock has a session of its own, which ends with the lock and with a failure', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    {
      await using lock = await acquireLock(client, 'locks/a', { ttlSeconds: 10, value: 'x' })
      expect(await codeOf(acquireLock(client, 'locks/a', { ttlSeconds: 10, timeoutMs: 50 }))).toBe(
        'deadline_exceeded',
      )
      await waitFor(async () => (await client.lease.list()).length === 1)
      await lock.verify()
    }
    expect(await client.lease.list()).toEqual([])
    expect(client.watch.size).toBe(0)
  })

  it('ends in time without etcd: acquireLock by its limits, a release with its session', async () => {
    const server = await etcd.start()
    const direct = connect(server.endpoint)
    const proxy = await proxyTo(server.endpoint)
    const client = connect(proxy.endpoint)
    const held = await createMutex(await open(client, { ttlSeconds: 2 }), 'locks/b').acquire()
    await createMutex(await open(direct), 'locks/a').acquire()
    const stop = new AbortController()
    const acquiring = codeOf(acquireLock(client, 'locks/a', { ttlSeconds: 60, signal: stop.signal }))
    await waitFor(async () => (await keysOf(direct, 'locks/a/')).length === 2)
    proxy.stall()
    const since = performance.now()
    const released = held.release().then(() => performance.now() - since)
    stop.abort()
    expect(await acquiring).toBe('cancelled')
    // A session is given 5 s to end, and a call 10 s.
    expect(performance.now() - since).toBeLessThan(4_000)
    expect(await released).toBeLessThan(8_000)
  })
})
