import { createDoubleBarrier, type Place } from '@livetree/coordination'
import type { EtcdClient } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, isPending, keysOf, open, proxyTo } from './kit.ts'

withoutOpenHandles()

const waiting = (client: EtcdClient, count: number) =>
  waitFor(async () => (await keysOf(client, 'rounds/a/waiters/')).length === count, {
    what: `${count} waiters`,
  })

oneEtcd('a double barrier', (etcd) => {
  it('D1 lets exactly the first ones in together and out together, round after round', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const barriers = [
      createDoubleBarrier(await open(client), 'rounds/a', { count: 3 }),
      createDoubleBarrier(await open(connect(server.endpoint)), 'rounds/a', { count: 3 }),
    ]
    for (let round = 0; round < 2; round += 1) {
      const entering: Promise<Place>[] = []
      for (let index = 0; index < 2; index += 1) {
        entering.push(barriers[index % 2]!.enter())
        await waiting(client, index + 1)
      }
      expect([await isPending(entering[0]!), await isPending(entering[1]!)]).toEqual([true, true])
      // One that cancels does not count.
      expect(await codeOf(barriers[0]!.enter({ signal: AbortSignal.abort() }))).toBe('cancelled')
      entering.push(barriers[0]!.enter())
      const places = await Promise.all(entering)
      expect(await codeOf(barriers[1]!.enter())).toBe('too_many')
      await waiting(client, 3)
      const leaving = places.slice(0, 2).map((place) => place.leave())
      await waiting(client, 1)
      // The round is not over for those who left, nor may a new one begin.
      expect(await codeOf(barriers[1]!.enter())).toBe('too_many')
      expect(await Promise.all(leaving.map(isPending))).toEqual([true, true])
      await places[2]!.leave()
      await Promise.all(leaving)
      await waitFor(async () => (await keysOf(client, 'rounds/')).length === 0)
    }
  })

  it('D1 counts those who are there: one that gives up makes room for another', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const barrier = createDoubleBarrier(await open(client), 'rounds/a', { count: 2 })
    const stop = new AbortController()
    const first = codeOf(barrier.enter({ signal: stop.signal }))
    await waiting(client, 1)
    stop.abort()
    expect(await first).toBe('cancelled')
    expect(await codeOf(barrier.enter({ timeoutMs: 100 }))).toBe('deadline_exceeded')
    await waiting(client, 0)
    const places = await Promise.all([barrier.enter(), barrier.enter()])
    await Promise.all(places.map((place) => place.leave()))
    expect(await keysOf(client, 'rounds/')).toEqual([])
  })

  it('D2, D3 goes on when the last to come dies, and lets go of one who died inside', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const client = connect(server.endpoint)
    const session = await open(client)
    const barrier = createDoubleBarrier(session, 'rounds/a', { count: 2 })
    const mortal = await open(connect(proxy.endpoint), { ttlSeconds: 2 })
    const entering = barrier.enter()
    await waiting(client, 1)
    // It comes, and never learns nor does anything again.
    proxy.stall('toClient')
    const dying = codeOf(createDoubleBarrier(mortal, 'rounds/a', { count: 2 }).enter())
    const place = await entering
    const leaving = place.leave()
    expect(await codeOf(place.leave({ timeoutMs: 50 }))).toBe('deadline_exceeded')
    expect(await isPending(leaving)).toBe(true)
    await leaving
    proxy.heal()
    expect(await dying).toBe('session_lost')
    expect(session.isLost).toBe(false)
    await waitFor(async () => (await keysOf(client, 'rounds/')).length === 0)
  })

  it('D4 is not opened by what an earlier round has left, and not by a neighbour', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const barrier = createDoubleBarrier(await open(client), 'rounds/a', { count: 2 })
    await client.kv.put('rounds/a/ready', '')
    await client.kv.put('rounds/ab/ready', '')
    const first = barrier.enter()
    await waiting(client, 1)
    // Nor by a number that nobody of ours has written.
    for (const [index, ready] of ['1e300', 'Infinity', '999999999999'].entries()) {
      await client.kv.put(`rounds/odd${index}/ready`, ready)
      const odd = createDoubleBarrier(await open(client), `rounds/odd${index}`, { count: 2 })
      expect(await codeOf(odd.enter({ timeoutMs: 300 }))).toBe('deadline_exceeded')
    }
    await client.kv.put('rounds/a/deeper/waiters/x', '')
    const second = barrier.enter()
    const places = await Promise.all([first, second])
    await Promise.all(places.map((place) => place.leave()))
    await waiting(client, 0)
    expect(() => createDoubleBarrier({} as never, 'rounds/a', { count: 2 })).toThrow(/openSession/)
    const session = await open(client)
    expect(() => createDoubleBarrier(session, 'rounds/a', { count: 101 })).toThrow(
      /count of createDoubleBarrier is 101/,
    )
    expect(() => createDoubleBarrier(session, 'rounds/a', {} as never)).toThrow(/is undefined/)
  })
})
