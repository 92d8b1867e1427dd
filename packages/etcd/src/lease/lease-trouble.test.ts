import { expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { settled } from '../watch/scripted-channel.test.kit.ts'
import { type FakeStream, setUp } from './lease-channel.test.kit.ts'

const DENIED = new EtcdError('permission_denied', { grpcStatus: 7, what: 'etcd says: permission denied' })

it('the refusal of one lease ends its own renewal only, and says why it was lost', async () => {
  const { channel, service, pass } = setUp()
  const others = [
    await service.grant({ ttlSeconds: 6, id: 1n }),
    await service.grant({ ttlSeconds: 6, id: 3n }),
  ]
  const bad = await service.grant({ ttlSeconds: 6, id: 2n })
  // As etcd 3.5 does: one request after the other, and the first that may not be ends the stream.
  channel.onAsked = (stream, id) => {
    queueMicrotask(() => (id === 2n ? stream.end(DENIED) : stream.answer(id, 6)))
  }
  for (const lease of [others[0]!, bad, others[1]!]) lease.keepAlive()
  await pass(60_000)
  expect(others.map(({ isLost }) => isLost)).toEqual([false, false])
  expect(bad.lost.reason).toMatchObject({
    code: 'lease_lost',
    cause: expect.objectContaining({ code: DENIED.code }),
  })
  expect(bad.lost.reason.message).toContain('permission denied')
})

it('a refused lease is asked for again, and goes back to the others once it may be renewed', async () => {
  const { channel, service, pass } = setUp()
  const lease = await service.grant({ ttlSeconds: 9, id: 2n })
  let isAllowed = false
  channel.onAsked = (stream, id) => {
    queueMicrotask(() => (isAllowed ? stream.answer(id, 9) : stream.end(DENIED)))
  }
  lease.keepAlive()
  await pass(4_000)
  isAllowed = true
  await pass(60_000)
  expect(lease.isLost).toBe(false)
  lease.letExpire()
})

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

it('a granted lease counts from when its request went out, however long it waited before', async () => {
  const { channel, service, pass } = setUp()
  channel.beforeSending = () => pass(4_000)
  const lease = await service.grant({ ttlSeconds: 3 })
  expect(lease.isLost).toBe(false)
  expect(lease.expiresAt - Date.now()).not.toBeNaN()
  await pass(2_900)
  expect(lease.isLost).toBe(false)
  await pass(200)
  expect(lease.isLost).toBe(true)
  expect(lease.lost.reason.message).not.toContain('time of day')
})

it('a time that the server has made shorter counts', async () => {
  const { channel, service, pass } = setUp()
  const lease = await service.grant({ ttlSeconds: 60, id: 5n })
  let isAnswering = true
  channel.onAsked = (stream, id) => {
    if (isAnswering) queueMicrotask(() => stream.answer(id, 2))
  }
  lease.keepAlive()
  await settled()
  isAnswering = false
  await pass(2_100)
  expect(lease.isLost).toBe(true)
})
