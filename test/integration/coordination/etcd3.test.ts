import { createElection, createMutex, openElectionView, runElection } from '@livetree/coordination'
import { Etcd3, EtcdLockFailedError } from 'etcd3'
import { expect, it, onTestFinished } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, isPending, keysOf, open } from './kit.ts'

/** Where npm etcd3 keeps the candidates of its election `a`. */
const NAME = 'election/a'

function etcd3On(server: EtcdServer): Etcd3 {
  const client = new Etcd3({ hosts: server.endpoint })
  onTestFinished(() => client.close())
  return client
}

oneEtcd('coordination with npm etcd3', (etcd) => {
  it('elects one leader among both, in the order of arrival, and both see who leads', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const theirs = etcd3On(server).election('a', 20)
    const election = createElection(await open(client), NAME)
    await using view = await openElectionView(client, NAME)
    const candidates = (count: number) => waitFor(() => view.candidates.length === count)
    const leader = () => String(view.leader?.value)

    const first = theirs.campaign('etcd3 1')
    await first.wait()
    await candidates(1)
    // Their keys end in the lease in decimal, ours in hexadecimal; the order is that of creation.
    expect(view.leader?.key).toBe(`${NAME}/${view.leader?.lease}`)
    const observer = await theirs.observe()
    onTestFinished(() => observer.cancel())
    expect(observer.leader()).toBe('etcd3 1')
    const ours = election.campaign('ours 1')
    await candidates(2)
    const third = theirs.campaign('etcd3 2')
    let isElected = false
    const elected = third.wait().then(() => {
      isElected = true
    })
    await candidates(3)
    await first.proclaim('etcd3 1b')
    await waitFor(() => leader() === 'etcd3 1b')
    expect([await isPending(ours), isElected]).toEqual([true, false])

    await first.resign()
    const leadership = await ours
    await waitFor(() => observer.leader() === 'ours 1')
    expect([await theirs.leader(), isElected]).toEqual(['ours 1', false])
    await leadership.proclaim('ours 1b')
    await waitFor(() => observer.leader() === 'ours 1b')
    const fourth = election.campaign('ours 2')
    await candidates(3)
    await leadership.resign()
    await elected
    await waitFor(() => leader() === 'etcd3 2')
    expect(await isPending(fourth)).toBe(true)
    await third.resign()
    await (await fourth).verify()
    expect((await keysOf(client, `${NAME}/`)).length).toBe(1)
  })

  it('leads after one that is lost, and is waited for by one that comes later', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const theirs = etcd3On(server).election('a', 20)
    const first = theirs.campaign('etcd3')
    first.on('error', () => undefined)
    await first.wait()
    const stop = new AbortController()
    let terms = 0
    const run = runElection(client, NAME, { value: 'ours', signal: stop.signal }, async ({ signal }) => {
      terms += 1
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    })
    await waitFor(async () => (await keysOf(client, `${NAME}/`)).length === 2)
    const [key = ''] = await keysOf(client, `${NAME}/`)
    expect(terms).toBe(0)
    await connect(server.endpoint).lease.revoke(BigInt(key.slice(`${NAME}/`.length)))
    await waitFor(() => terms === 1)
    const next = theirs.campaign('next')
    const elected = next.wait()
    await waitFor(async () => (await keysOf(client, `${NAME}/`)).length === 2)
    stop.abort()
    await run
    await elected
    expect(await theirs.leader()).toBe('next')
    await next.resign()
  })

  it('excludes their lock by the same key, and not by a mutex of the same name', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const session = await open(client)
    const etcd3 = etcd3On(server)
    // Their lock is one key that must not exist, without a queue.
    const { header } = await client.kv.create('locks/a', '', { lease: session.lease })
    await expect(etcd3.lock('locks/a').acquire()).rejects.toThrow(EtcdLockFailedError)
    await client.kv.delete('locks/a')
    const theirs = await etcd3.lock('locks/a').ttl(20).acquire()
    expect(await codeOf(client.kv.create('locks/a', '', { lease: session.lease }))).toBe('key_exists')
    expect((await client.kv.get('locks/a'))?.createRevision).toBeGreaterThan(header.revision)

    // A mutex has keys below its name: the two locks do not know each other.
    const mutex = createMutex(session, 'locks/a')
    const lock = await mutex.tryAcquire()
    expect(lock?.isHeld).toBe(true)
    await theirs.release()
    const again = await etcd3.lock('locks/a').acquire()
    await lock?.verify()
    await again.release()
    await lock?.release()

    // Below the name of a mutex, their lock is waited for, but does not wait itself.
    const below = await etcd3.lock('locks/a/etcd3').acquire()
    const acquiring = mutex.acquire()
    await waitFor(async () => (await mutex.contenders()).length === 2)
    expect(await isPending(acquiring)).toBe(true)
    await below.release()
    const held = await acquiring
    const both = await etcd3.lock('locks/a/etcd3').acquire()
    await held.verify()
    await both.release()
  })
})
