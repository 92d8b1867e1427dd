import { CoordinationError, createMutex, openSession } from '@livetree/coordination'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, Recording } from '../etcd/watch-kit.ts'
import { codeOf, keysOf, open, proxyTo } from './kit.ts'

withoutOpenHandles()

oneEtcd('a session', (etcd) => {
  it('S1 ends before the server can drop the lease, counted from the send of the last answered renewal', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const session = await open(connect(proxy.endpoint), { ttlSeconds: 3, marginMs: 1_000 })
    const lock = await createMutex(session, 'locks/a').acquire()
    const gone = new Recording(direct, { key: lock.key })
    await waitFor(() => gone.isCreated)
    // Renewals reach the server, which extends the lease; their answers do not count because they never arrive.
    proxy.stall('toClient')
    let lateMs = Number.NaN
    let wasThere: boolean | undefined
    lock.signal.addEventListener('abort', () => {
      lateMs = Date.now() - session.expiresAt
      wasThere = gone.batches.length === 0
    })
    await waitFor(() => lock.signal.aborted)
    expect(lateMs).toBeGreaterThanOrEqual(-5)
    expect(wasThere).toBe(true)
    expect([session.isLost, lock.isHeld, session.signal.reason.code]).toEqual([true, false, 'session_lost'])
    expect(lock.signal.reason).toBe(session.signal.reason)
    await waitFor(() => gone.changes.includes(`-${lock.key}`), { timeoutMs: 20_000 })
    proxy.heal()
  })

  it('S1 keeps its margin off expiresAt, a tenth of the TTL if none is given', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const before = Date.now()
    const session = await open(client, { ttlSeconds: 20 })
    const after = Date.now()
    expect(session.expiresAt).toBeGreaterThanOrEqual(before + 18_000 - 1)
    expect(session.expiresAt).toBeLessThanOrEqual(after + 18_000)
    const wide = await open(client, { ttlSeconds: 20, marginMs: 5_000 })
    expect(session.expiresAt - wide.expiresAt).toBeGreaterThan(0)
    expect(session.ttlSeconds).toBe(20)
  })

  it('S1 counts from when the request was sent, not from its answer', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const client = connect(proxy.endpoint)
    await client.kv.get('warm')
    proxy.delay(600, 'toClient')
    const session = await open(client, { ttlSeconds: 20 })
    expect(session.expiresAt).toBeLessThanOrEqual(Date.now() + 18_000 - 590)
  })

  it('S2 reads the clock, so that a blocked process knows before any timer has run', async () => {
    const server = await etcd.start()
    let aheadMs = 0
    const clock = {
      now: () => Date.now() + aheadMs,
      setTimeout: (run: () => void, ms: number) => setTimeout(run, ms).unref(),
      clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
    }
    const session = await open(connect(server.endpoint, { clock }), { ttlSeconds: 10 })
    const lock = await createMutex(session, 'locks/a').acquire()
    aheadMs = -3_600_000
    expect([session.isLost, lock.isHeld]).toEqual([false, true])
    aheadMs = 9_500
    expect([session.isLost, lock.isHeld, session.signal.aborted]).toEqual([true, false, false])
    expect(() => lock.throwIfLost()).toThrow(/session_lost/)
    expect(lock.signal.aborted).toBe(true)
  })

  it('S10 leaves no key, no lease, no watch and no timer behind', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const mutex = createMutex(session, 'locks/a')
    const lock = await mutex.acquire()
    const waiting = codeOf(mutex.acquire())
    await waitFor(async () => (await keysOf(client, 'locks/')).length === 2)
    await session.close()
    await session.close()
    expect(await waiting).toBe('closed')
    expect([lock.isHeld, session.isLost, session.signal.reason.code]).toEqual([false, true, 'closed'])
    expect(await keysOf(client, '')).toEqual([])
    expect(await client.lease.list()).toEqual([])
    expect(client.watch.size).toBe(0)
    expect(await codeOf(mutex.acquire())).toBe('closed')
    expect(await codeOf(lock.release())).toBeUndefined()
  })

  it('ends with its lease, its client and its signal, and takes over a lease that exists', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const revoked = await open(client, { ttlSeconds: 60 })
    const lock = await createMutex(revoked, 'locks/a').acquire()
    const other = connect(server.endpoint)
    await other.lease.revoke(revoked.lease)
    await waitFor(() => lock.signal.aborted)
    await waitFor(() => revoked.signal.aborted)
    expect(revoked.signal.reason).toBeInstanceOf(CoordinationError)
    expect(revoked.signal.reason.code).toBe('session_lost')

    const stop = new AbortController()
    const stopped = await open(client, { signal: stop.signal })
    stop.abort()
    expect(stopped.signal.reason.code).toBe('closed')

    const lease = await other.lease.grant({ ttlSeconds: 30 })
    const adopted = await open(client, { lease: lease.id })
    expect([adopted.lease, adopted.ttlSeconds]).toEqual([lease.id, 30])

    const short = connect(server.endpoint)
    const closed = await open(short)
    await short.close()
    expect(closed.signal.reason.code).toBe('closed')
    await closed.close()
  })

  it('gives back a lease whose opening was cancelled while it was granted', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const client = connect(proxy.endpoint)
    await client.kv.get('warm')
    proxy.stall('toClient')
    const stop = new AbortController()
    const opening = codeOf(openSession(client, { ttlSeconds: 600, signal: stop.signal }))
    await waitFor(async () => (await direct.lease.list()).length === 1)
    stop.abort()
    expect(await opening).toBe('cancelled')
    proxy.heal()
    await waitFor(async () => (await direct.lease.list()).length === 0)
  })

  it('refuses what it cannot use, and says what', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const tries: [unknown, RegExp][] = [
      [{ ttlSeconds: 0 }, /ttlSeconds of openSession is 0, not a whole number from 1/],
      [{ ttlSeconds: 5, marginMs: 5_000 }, /marginMs is 5000, and ttlSeconds only 5/],
      [{ ttl: 5 }, /openSession has no option ttl, only ttlSeconds, marginMs, lease, signal, logger/],
      [{ lease: 5 }, /lease of openSession is 5, not a positive bigint/],
      [{ marginMs: 3n }, /marginMs of openSession is 3n, not milliseconds/],
      [{ signal: 'x' }, /signal of openSession is a text of 1 characters, not an AbortSignal/],
    ]
    for (const [options, message] of tries)
      await expect(openSession(client, options as never)).rejects.toThrow(message)
    await expect(openSession({} as never)).rejects.toThrow(/createEtcdClient/)
    expect(await codeOf(openSession(client, { signal: AbortSignal.abort() }))).toBe('cancelled')
    const session = await open(client)
    expect(() => createMutex(session, 'a/')).toThrow(/ends with a slash/)
    expect(() => createMutex(session, '')).toThrow(/key path/)
    expect(() => createMutex(session, 'a\ud800')).toThrow(
      /the name is a text with a lone surrogate, which is half/,
    )
    expect(() => createMutex(Promise.resolve(session) as never, 'a')).toThrow(/await it/)
    expect(await codeOf(open(client, { lease: 4_711n }))).toBe('lease_not_found')
  })

  it('S10 closes within 5 seconds although etcd answers nothing', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const session = await open(connect(proxy.endpoint), { ttlSeconds: 60 })
    const lock = await createMutex(session, 'locks/a').acquire()
    proxy.stall()
    const waiting = codeOf(createMutex(session, 'locks/a').acquire({ timeoutMs: 100 }))
    expect(await waiting).toBe('deadline_exceeded')
    lock.release().catch(() => undefined)
    const startedAt = performance.now()
    await session.close()
    expect(performance.now() - startedAt).toBeLessThan(6_500)
    proxy.heal()
  })
})
