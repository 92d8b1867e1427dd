import { describe, expect, it } from 'vitest'
import { settled } from '../watch/scripted-channel.test.kit.ts'
import { type FakeStream, setUp } from './lease-channel.test.kit.ts'

/** Endpoints that can be frozen one by one: what they are asked meanwhile, they answer when they go on. */
function freezable(all: ReturnType<typeof setUp>, ttlOf: (id: bigint) => number) {
  const held = new Map<string, (() => void)[]>()
  all.channel.onAsked = (stream: FakeStream, id) => {
    const answer = () => stream.answer(id, ttlOf(id))
    const waiting = held.get(stream.endpoint)
    if (waiting === undefined) queueMicrotask(answer)
    else waiting.push(answer)
  }
  return {
    freeze: (endpoint: string) => held.set(endpoint, []),
    thaw(endpoint: string) {
      const waiting = held.get(endpoint) ?? []
      held.delete(endpoint)
      for (const answer of waiting) answer()
    },
  }
}

it('a late answer after an outage does not make it wait longer at the next one', async () => {
  const { channel, service, pass } = setUp()
  const lease = await service.grant({ ttlSeconds: 6 })
  const isFrozen = new Map<string, boolean>()
  const held: (() => void)[] = []
  channel.onAsked = (stream: FakeStream, id) => {
    const answer = () => stream.answer(id, 6)
    if (isFrozen.get(stream.endpoint)) held.push(answer)
    else queueMicrotask(answer)
  }
  lease.keepAlive()
  await settled()
  const first = channel.last.endpoint
  isFrozen.set(first, true)
  await pass(4_000)
  isFrozen.clear()
  for (const answer of held.splice(0)) answer()
  await pass(300)
  isFrozen.set(channel.last.endpoint, true)
  await pass(60_000)
  expect(lease.lost.reason).toBeUndefined()
  lease.letExpire()
})

it.each([
  [1, ['http://a', 'http://b']],
  [3, ['http://a', 'http://b']],
  [5, ['http://a', 'http://b', 'http://c']],
])('%s leases outlive one outage after the other while any endpoint of %s answers', async (count, urls) => {
  for (const outageMs of [400, 900, 1_500, 2_900, 4_000, 9_000]) {
    const all = setUp()
    all.channel.urls = urls
    const ttls = [3, 5, 8, 6, 60].slice(0, count)
    const { freeze, thaw } = freezable(all, (id) => ttls[Number(id) - 1]!)
    const leases = await Promise.all(
      ttls.map((ttlSeconds, index) => all.service.grant({ ttlSeconds, id: BigInt(index + 1) })),
    )
    for (const lease of leases) lease.keepAlive()
    await settled()
    for (let round = 0; round < 12; round += 1) {
      const { endpoint } = all.channel.last
      freeze(endpoint)
      await all.pass(outageMs)
      thaw(endpoint)
      // The last third of the shortest lease is divided among the others.
      await all.pass(100 * round)
    }
    expect([outageMs, leases.map(({ lost }) => lost.reason)]).toEqual([outageMs, ttls.map(() => undefined)])
    all.service.close()
  }
})

it('an endpoint that was slow and then answers no more leaves time for the others', async () => {
  for (const urls of [
    ['http://a', 'http://b'],
    ['http://a', 'http://b', 'http://c'],
  ]) {
    const { channel, service, pass, clock } = setUp()
    channel.urls = urls
    let isMute = false
    channel.onAsked = (stream, id) => {
      // The first one is slow, then mute; the last one is quick; the one between is mute.
      const index = urls.indexOf(stream.endpoint)
      if (index === urls.length - 1) queueMicrotask(() => isMute && stream.answer(id, 6))
      else if (index === 0 && !isMute) clock.setTimeout(() => stream.answer(id, 6), 2_400)
    }
    const lease = await service.grant({ ttlSeconds: 6 })
    lease.keepAlive()
    await pass(30_000)
    expect(lease.lost.reason).toBeUndefined()
    isMute = true
    await pass(30_000)
    expect(lease.lost.reason).toBeUndefined()
    lease.letExpire()
  }
})

describe('a link that is slow', () => {
  it.each([
    [2, 360, 2],
    [2, 700, 2],
    [2, 700, 3],
    [2, 1_200, 3],
    [30, 14_000, 3],
  ])('a lease of %s s is kept at %s ms over %s endpoints', async (ttlSeconds, roundTripMs, count) => {
    const { channel, service, pass, clock } = setUp()
    channel.urls = ['http://a', 'http://b', 'http://c'].slice(0, count)
    channel.onAsked = (stream, id) => clock.setTimeout(() => stream.answer(id, ttlSeconds), roundTripMs)
    const lease = await service.grant({ ttlSeconds })
    lease.keepAlive()
    await pass(ttlSeconds * 10_000)
    expect(lease.lost.reason).toBeUndefined()
    // However often another one is tried, streams that are of no use end.
    expect(channel.streams.filter(({ isCancelled }) => !isCancelled).length).toBeLessThan(8)
  })
})

it('a lease that is about to end opens few streams', async () => {
  const { channel, service, pass } = setUp()
  const lease = await service.grant({ ttlSeconds: 60 })
  await pass(59_000)
  lease.keepAlive()
  await pass(2_000)
  expect(lease.isLost).toBe(true)
  expect(channel.streams.length).toBeLessThan(5)
})
