import { setMaxListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createMutex, createQueue } from '@livetree/coordination'
import { op } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, isPending, keysOf, open, proxyTo } from './kit.ts'

withoutOpenHandles()

/** The memory that is in use after a collection. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

oneEtcd('a queue', (etcd) => {
  it('Q1 gives each entry once, in the order of creation, also to many takers', async () => {
    const server = await etcd.start()
    const clients = [connect(server.endpoint), connect(server.endpoint)]
    const queues = clients.map((client) => createQueue(client, 'queues/a'))
    const waiting = queues[0]!.take()
    await queues[1]!.put('0')
    expect(String((await waiting).value)).toBe('0')
    expect(await queues[0]!.tryTake()).toBeUndefined()
    // As another language names its entries: the second one sorts first.
    await clients[0]!.kv.put('queues/a/9', 'first')
    await clients[0]!.kv.put('queues/a/1', 'second')
    await clients[0]!.kv.put('queues/ab/1', 'of a neighbour')
    expect(String((await queues[0]!.take()).value)).toBe('first')
    expect(String((await queues[1]!.tryTake())?.value)).toBe('second')
    const stop = new AbortController()
    const taken: { readonly value: number; readonly revision: number }[] = []
    const takers = Array.from({ length: 6 }, async (_, index) => {
      try {
        for (;;) {
          const { value, revision } = await queues[index % 2]!.take({ signal: stop.signal })
          taken.push({ value: Number(value), revision })
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'cancelled' })
      }
    })
    for (let value = 0; value < 40; value += 1) await queues[value % 2]!.put(String(value))
    await waitFor(() => taken.length === 40)
    stop.abort()
    await Promise.all(takers)
    const byRevision = taken.toSorted((a, b) => a.revision - b.revision)
    expect(byRevision.map(({ value }) => value)).toEqual(Array.from({ length: 40 }, (_, index) => index))
    expect(await keysOf(clients[0]!, 'queues/')).toEqual(['queues/ab/1'])
    expect(clients.map(({ watch }) => watch.size)).toEqual([0, 0])
  })

  it('takes nothing when it is cancelled, goes on after a cut and compaction, and tells what it cannot know', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = connect(server.endpoint)
    const far = connect(proxy.endpoint)
    const [near, queue] = [createQueue(direct, 'queues/a'), createQueue(far, 'queues/a')]
    expect(await codeOf(queue.take({ timeoutMs: 50 }))).toBe('deadline_exceeded')
    const stop = new AbortController()
    const cancelled = codeOf(queue.take({ signal: stop.signal }))
    const waiting = queue.take()
    // One taker at a time waits, by a watch of what was and one of what comes.
    await waitFor(() => far.watch.size === 2)
    stop.abort()
    expect(await cancelled).toBe('cancelled')
    await waitFor(() => far.watch.size === 2)
    await proxy.refuse()
    proxy.cutAll()
    await near.put('1')
    await direct.kv.compact((await direct.kv.put('other', '')).header.revision)
    expect(await isPending(waiting)).toBe(true)
    await proxy.accept()
    expect(String((await waiting).value)).toBe('1')
    await near.put('2')
    // The removal is applied, and all of its answers are lost.
    await far.kv.get('warm')
    proxy.delay(100, 'toClient')
    const unknown = codeOf(queue.take())
    await waitFor(async () => (await keysOf(direct, 'queues/')).length === 0)
    proxy.cutAll()
    proxy.heal()
    expect(await unknown).toBe('outcome_unknown')
    await near.put('3')
    expect(String((await queue.take()).value)).toBe('3')
  })

  it('leaves the keys of other names alone, however many are before its own', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const queue = createQueue(client, 'queues/a')
    const lock = await createMutex(await open(client), 'queues/a/lock').acquire()
    await createQueue(client, 'queues/a/urgent').put('of another queue')
    // More of one revision than are read at once.
    for (let page = 0; page < 3; page += 1) {
      const puts = Array.from({ length: 100 }, (_, index) => op.put(`queues/a/deep/${page}/${index}`, 'x'))
      await client.kv
        .txn()
        .then(...puts)
        .commit()
    }
    expect(await queue.tryTake()).toBeUndefined()
    const waiting = queue.take()
    await waitFor(() => client.watch.size === 3, { what: 'the watch of the lock and two of the taker' })
    await client.kv.put('queues/a/settings/timeout', '5')
    expect(await isPending(waiting)).toBe(true)
    await queue.put('own')
    expect(String((await waiting).value)).toBe('own')
    await queue.put('next')
    expect(String((await queue.tryTake())?.value)).toBe('next')
    await lock.verify()
    expect(await keysOf(client, 'queues/a/')).toHaveLength(303)
  })

  it('keeps nothing of those who gave up while another one waits', async () => {
    const server = await etcd.start()
    const queue = createQueue(connect(server.endpoint), 'queues/a')
    const waiting = queue.take()
    const giveUp = async (count: number) => {
      const stop = new AbortController()
      setMaxListeners(0, stop.signal)
      const taken = Array.from({ length: count }, () => codeOf(queue.take({ signal: stop.signal })))
      stop.abort()
      expect(new Set(await Promise.all(taken))).toEqual(new Set(['cancelled']))
    }
    await giveUp(1_000)
    const before = heapBytes()
    await giveUp(8_000)
    expect(heapBytes() - before).toBeLessThan(4_000_000)
    const second = queue.take()
    await queue.put('1')
    await queue.put('2')
    expect([String((await waiting).value), String((await second).value)]).toEqual(['1', '2'])
  })
})
