import { createQueue } from '@livetree/coordination'
import { expect, it } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, isPending, keysOf, proxyTo } from './kit.ts'

withoutOpenHandles()

eachEtcd('a queue', (etcd) => {
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
    await waitFor(() => far.watch.size === 1)
    stop.abort()
    expect(await cancelled).toBe('cancelled')
    await waitFor(() => far.watch.size === 1)
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
})
